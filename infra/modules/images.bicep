// The images that jobs and endpoints run in. No administrator's password, no anonymous pull.
param name string
param location string
param tags object

@description('Object ids of the identities that pull images.')
param pullers array

var acrPull = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '7f951dda-4ed3-4680-a7ca-43fe172d538d')

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  // checkov:skip=CKV_AZURE_139:private networking is a variant of its own and not written yet: docs/azure.md; until then every caller signs in with Entra
  // checkov:skip=CKV_AZURE_166:quarantine needs a scanner that releases images; without one nothing could be pulled
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
  }
}

resource mayPull 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for puller in pullers: {
    name: guid(registry.id, puller, acrPull)
    scope: registry
    properties: {
      principalId: puller
      principalType: 'ServicePrincipal'
      roleDefinitionId: acrPull
    }
  }
]

output id string = registry.id
