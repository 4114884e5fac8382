// The Azure ML registry: versions of models, components and images that every environment can take. The service keeps its storage and images in a
// resource group that it manages itself, without public blobs.
param name string
param location string
param tags object
param private bool
param logsName string

resource logs 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: logsName
}

resource registry 'Microsoft.MachineLearningServices/registries@2026-05-01' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    regionDetails: [
      {
        location: location
        acrDetails: [
          {
            systemCreatedAcrAccount: {
              acrAccountSku: 'Premium'
            }
          }
        ]
        storageAccountDetails: [
          {
            systemCreatedStorageAccount: {
              storageAccountType: 'Standard_LRS'
              storageAccountHnsEnabled: false
              allowBlobPublicAccess: false
            }
          }
        ]
      }
    ]
  }
}

resource assets 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-logs'
  scope: registry
  properties: {
    workspaceId: logs.id
    logs: [
      {
        category: 'RegistryAssetReadEvent'
        enabled: true
      }
      {
        category: 'RegistryAssetWriteEvent'
        enabled: true
      }
    ]
  }
}
