// The workspace's key vault. Roles, not access policies; what is deleted can be brought back for 90 days, and nobody can shorten that.
param name string
param location string
param tags object
param private bool
param logsName string

resource logs 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: logsName
}

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  // checkov:skip=CKV_AZURE_109:a parameter of each environment: with network private the default action is Deny, with public every caller signs in with Entra
  // checkov:skip=CKV_AZURE_189:a parameter of each environment: with network private there is no public address, with public every caller signs in with Entra
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
    }
  }
}

resource access 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-logs'
  scope: vault
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
