// The workspace's own storage: snapshots of code, data, models. No account key opens it: who may write is named below.
param name string
param location string
param tags object
param redundancy string

@description('Object ids of the identities that read and write blobs.')
param writers array

var blobDataContributor = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe')

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  // checkov:skip=CKV_AZURE_35:private networking is a variant of its own and not written yet: docs/azure.md; until then every caller signs in with Entra
  // checkov:skip=CKV_AZURE_206:a parameter of each environment: storageRedundancy
  name: name
  location: location
  tags: tags
  sku: {
    name: redundancy
  }
  kind: 'StorageV2'
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    encryption: {
      keySource: 'Microsoft.Storage'
      requireInfrastructureEncryption: true
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 14
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 14
    }
  }
}

resource mayWrite 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for writer in writers: {
    name: guid(account.id, writer, blobDataContributor)
    scope: account
    properties: {
      principalId: writer
      principalType: 'ServicePrincipal'
      roleDefinitionId: blobDataContributor
    }
  }
]

output id string = account.id
output name string = account.name
