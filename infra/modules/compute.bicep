// Machines for training: none while nothing runs, no SSH, no local account; jobs act as the identity that is given.
param name string
param workspaceName string
param location string
param tags object
param identityName string
param vmSize string
param maxNodes int
param priority string
param private bool

var identityId = resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', identityName)

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-05-01' existing = {
  name: workspaceName
}

resource cluster 'Microsoft.MachineLearningServices/workspaces/computes@2026-05-01' = {
  parent: workspace
  name: name
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    computeType: 'AmlCompute'
    disableLocalAuth: true
    properties: {
      osType: 'Linux'
      vmSize: vmSize
      vmPriority: priority
      enableNodePublicIp: !private
      remoteLoginPortPublicAccess: 'Disabled'
      scaleSettings: {
        minNodeCount: 0
        maxNodeCount: maxNodes
        nodeIdleTimeBeforeScaleDown: 'PT5M'
      }
    }
  }
}
