// The workspace's key vault. Roles, not access policies; what is deleted can be brought back for 90 days, and nobody can shorten that.
param name string
param location string
param tags object

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  // checkov:skip=CKV_AZURE_109:private networking is a variant of its own and not written yet: docs/azure.md; until then every caller signs in with Entra
  // checkov:skip=CKV_AZURE_189:private networking is a variant of its own and not written yet: docs/azure.md; until then every caller signs in with Entra
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
  }
}

output id string = vault.id
