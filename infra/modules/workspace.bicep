// The workspace. Its system identity reaches storage, vault and images: the service grants it the roles when it creates the workspace.
param name string
param location string
param tags object
param storageName string
param vaultName string
param imagesName string
param insightsName string
param logsName string
param private bool

@description('private: hosts that jobs may reach beside the services of the workspace.')
param allowedHosts array

@description('private: the cluster that builds images, since the registry then has no public address for the service that does otherwise.')
param imageBuildCluster string

resource logs 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: logsName
}

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-05-01' = {
  // checkov:skip=CKV_AZURE_243:a parameter of each environment: with network private there is no public address, with public every caller signs in with Entra
  name: name
  location: location
  tags: tags
  kind: 'Default'
  sku: {
    name: 'Basic'
    tier: 'Basic'
  }
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    friendlyName: name
    storageAccount: resourceId('Microsoft.Storage/storageAccounts', storageName)
    keyVault: resourceId('Microsoft.KeyVault/vaults', vaultName)
    containerRegistry: resourceId('Microsoft.ContainerRegistry/registries', imagesName)
    applicationInsights: resourceId('Microsoft.Insights/components', insightsName)
    systemDatastoresAuthMode: 'Identity'
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    managedNetwork: {
      isolationMode: private ? 'AllowOnlyApprovedOutbound' : 'Disabled'
    }
    imageBuildCompute: private ? imageBuildCluster : null
    v1LegacyMode: false
  }
}

// One after the other: the service refuses two changes of a managed network at once.
@batchSize(1)
resource reachable 'Microsoft.MachineLearningServices/workspaces/outboundRules@2026-05-01' = [
  for (host, index) in allowedHosts: if (private) {
    parent: workspace
    name: 'host-${index}'
    properties: {
      type: 'FQDN'
      category: 'UserDefined'
      destination: host
    }
  }
]

resource events 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-logs'
  scope: workspace
  properties: {
    workspaceId: logs.id
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}
