// The workspace. Its system identity reaches storage, vault and images (the service grants it the roles when it creates the workspace);
// CI's identity may submit jobs and deploy, and may not change compute, roles or the workspace itself.
param name string
param location string
param tags object
param storageId string
param vaultId string
param imagesId string
param insightsId string

@description('Object ids of the identities that submit jobs, register models and deploy.')
param deployers array

var dataScientist = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'f6c7c914-8db3-469d-8ca1-694a8f32e121')

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-05-01' = {
  // checkov:skip=CKV_AZURE_243:private networking is a variant of its own and not written yet: docs/azure.md; until then every caller signs in with Entra
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
    storageAccount: storageId
    keyVault: vaultId
    containerRegistry: imagesId
    applicationInsights: insightsId
    systemDatastoresAuthMode: 'Identity'
    publicNetworkAccess: 'Enabled'
    v1LegacyMode: false
  }
}

resource mayDeploy 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for deployer in deployers: {
    name: guid(workspace.id, deployer, dataScientist)
    scope: workspace
    properties: {
      principalId: deployer
      principalType: 'ServicePrincipal'
      roleDefinitionId: dataScientist
    }
  }
]

output name string = workspace.name
output id string = workspace.id
