// What an environment may do in the registry that all share. The table is ../roles.json.
param registryName string

@description('Whether CI puts models into it from this environment.')
param publishes bool

@description('The resource group of the identities.')
param identityGroup string
param identityNames object

var table = loadJsonContent('../roles.json')
var machines = {
  endpoint: endpoint.properties.principalId
  ci: ci.properties.principalId
}

resource registry 'Microsoft.MachineLearningServices/registries@2026-05-01' existing = {
  name: registryName
}

resource endpoint 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityNames.endpoint
  scope: resourceGroup(identityGroup)
}

resource ci 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityNames.ci
  scope: resourceGroup(identityGroup)
}

resource machinesInRegistry 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in table.machines.registry: if (publishes || grant.always) {
    name: guid(registry.id, identityGroup, identityNames[grant.who], grant.role)
    scope: registry
    properties: {
      principalId: machines[grant.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', table.roles[grant.role].id)
      description: grant.why
    }
  }
]
