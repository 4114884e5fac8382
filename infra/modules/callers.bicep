// Who may call the endpoint of one model, and nothing else of it: after the endpoint, since it is its scope. The table is ../roles.json.
param workspaceName string
param endpointName string

@description('Object id of the Entra group of callers.')
param callers string

var table = loadJsonContent('../roles.json')

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-05-01' existing = {
  name: workspaceName
}

resource endpoint 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints@2026-05-01' existing = {
  parent: workspace
  name: endpointName
}

resource peopleAtEndpoint 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grant in table.people.endpoint: {
    name: guid(endpoint.id, callers, grant.role)
    scope: endpoint
    properties: {
      principalId: callers
      principalType: 'Group'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(resourceGroup().id, grant.role))
      description: grant.why
    }
  }
]
