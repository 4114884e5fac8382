// Who may do what. The table is ../roles.json: here it is only carried out; the tests and docs/azure.md read the same file.
// An assignment is named by what it grants, so that the same one is never made twice.
param stem string
param workspaceName string
param storageName string
param imagesName string

@description('Names of the identities, by who they are in roles.json.')
param identityNames object

@description('Object ids of Entra groups, by who they are in roles.json. One that is not given is granted nothing.')
param groups object

var table = loadJsonContent('../roles.json')
var machines = {
  training: training.properties.principalId
  endpoint: endpoint.properties.principalId
  ci: ci.properties.principalId
}

resource training 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityNames.training
}

resource endpoint 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityNames.endpoint
}

resource ci 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityNames.ci
}

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-05-01' existing = {
  name: workspaceName
}

resource storage 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: storageName
}

resource images 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: imagesName
}

// Roles that no built-in one is small enough for. The name carries the group's mark, since names of roles are one to a tenant.
resource definitions 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for role in items(table.roles): if (empty(role.value.id)) {
    name: guid(resourceGroup().id, role.key)
    properties: {
      roleName: '${stem} ${role.key} ${take(uniqueString(resourceGroup().id), 5)}'
      description: role.value.name
      type: 'CustomRole'
      assignableScopes: [resourceGroup().id]
      permissions: [
        {
          actions: role.value.actions
          notActions: role.value.notActions
          dataActions: role.value.dataActions
          notDataActions: []
        }
      ]
    }
  }
]

resource machinesInWorkspace 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in table.machines.workspace: {
    name: guid(workspace.id, identityNames[grant.who], grant.role)
    scope: workspace
    properties: {
      principalId: machines[grant.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', empty(table.roles[grant.role].id) ? guid(resourceGroup().id, grant.role) : table.roles[grant.role].id)
      description: grant.why
    }
    dependsOn: [definitions]
  }
]

resource machinesInStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in table.machines.storage: {
    name: guid(storage.id, identityNames[grant.who], grant.role)
    scope: storage
    properties: {
      principalId: machines[grant.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', table.roles[grant.role].id)
      description: grant.why
    }
  }
]

resource machinesInImages 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in table.machines.images: {
    name: guid(images.id, identityNames[grant.who], grant.role)
    scope: images
    properties: {
      principalId: machines[grant.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', table.roles[grant.role].id)
      description: grant.why
    }
  }
]

resource machinesWithEndpointIdentity 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in table.machines.endpointIdentity: {
    name: guid(endpoint.id, identityNames[grant.who], grant.role)
    scope: endpoint
    properties: {
      principalId: machines[grant.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', table.roles[grant.role].id)
      description: grant.why
    }
  }
]

resource machinesInGroup 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in table.machines.group: {
    name: guid(resourceGroup().id, identityNames[grant.who], grant.role)
    properties: {
      principalId: machines[grant.who]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(resourceGroup().id, grant.role))
      description: grant.why
    }
    dependsOn: [definitions]
  }
]

resource peopleInWorkspace 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in table.people.workspace: if (contains(groups, grant.who)) {
    name: guid(workspace.id, groups[?grant.who] ?? '', grant.role)
    scope: workspace
    properties: {
      principalId: groups[?grant.who] ?? ''
      principalType: 'Group'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(resourceGroup().id, grant.role))
      description: grant.why
    }
    dependsOn: [definitions]
  }
]

resource peopleInStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in table.people.storage: if (contains(groups, grant.who)) {
    name: guid(storage.id, groups[?grant.who] ?? '', grant.role)
    scope: storage
    properties: {
      principalId: groups[?grant.who] ?? ''
      principalType: 'Group'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', table.roles[grant.role].id)
      description: grant.why
    }
  }
]
