// The images that jobs and endpoints run in. No administrator's password, no anonymous pull.
param name string
param location string
param tags object
param private bool
param logsName string

resource logs 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: logsName
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  // checkov:skip=CKV_AZURE_139:a parameter of each environment: with network private there is no public address, with public every caller signs in with Entra
  // checkov:skip=CKV_AZURE_163:the sku is Standard or Premium, which both scan; it is chosen by the parameter network, and a choice is not read there
  // checkov:skip=CKV_AZURE_166:quarantine needs a scanner that releases images; without one nothing could be pulled
  name: name
  location: location
  tags: tags
  sku: {
    name: private ? 'Premium' : 'Standard'
  }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    networkRuleBypassOptions: 'AzureServices'
  }
}

resource access 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-logs'
  scope: registry
  properties: {
    workspaceId: logs.id
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}
