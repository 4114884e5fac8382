// One environment of the project on Azure Machine Learning (ours): a workspace with what it leans on, and compute that costs nothing while it rests.
// What differs from environment to environment stands in its own .bicepparam (yours). Each environment is a resource group of its own.
targetScope = 'resourceGroup'

@description('The project in lower-case letters and digits; every name is made of it.')
@minLength(3)
@maxLength(10)
param project string

@description('The deployment environment: staging, production.')
@minLength(3)
@maxLength(12)
param environment string

@description('Azure region.')
param location string = resourceGroup().location

@description('Who pays: written on every resource.')
@minLength(2)
param costOwner string

@description('Machine size of the training cluster.')
param trainingVmSize string

@description('How many machines training may use at once. Without work there are none.')
@minValue(1)
@maxValue(50)
param trainingMaxNodes int

@description('LowPriority costs a fraction and may be taken away in the middle of a job.')
@allowed(['Dedicated', 'LowPriority'])
param trainingPriority string

@description('How many copies of the data there are, and where. ZRS needs a region with zones.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageRedundancy string

@description('How long logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Object id of the identity that CI signs in with (federated: it has no secret). Empty: nobody is granted anything yet.')
param deployerPrincipalId string = ''

// 13 characters that are the same each time for this resource group, and another's in any other: global names must be free.
var suffix = uniqueString(resourceGroup().id, project, environment)
var tags = {
  project: project
  environment: environment
  costOwner: costOwner
}
var deployers = empty(deployerPrincipalId) ? [] : [deployerPrincipalId]

module trainer 'modules/identity.bicep' = {
  name: 'trainer'
  params: {
    name: 'id-${project}-${environment}-train'
    location: location
    tags: tags
  }
}

module telemetry 'modules/telemetry.bicep' = {
  name: 'telemetry'
  params: {
    name: '${project}-${environment}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: '${project}${suffix}'
    location: location
    tags: tags
    redundancy: storageRedundancy
    writers: concat([trainer.outputs.principalId], deployers)
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    name: 'kv-${take(project, 7)}-${suffix}'
    location: location
    tags: tags
  }
}

module images 'modules/images.bicep' = {
  name: 'images'
  params: {
    name: 'cr${project}${suffix}'
    location: location
    tags: tags
    pullers: [trainer.outputs.principalId]
  }
}

module workspace 'modules/workspace.bicep' = {
  name: 'workspace'
  params: {
    name: 'mlw-${project}-${environment}'
    location: location
    tags: tags
    storageId: storage.outputs.id
    vaultId: vault.outputs.id
    imagesId: images.outputs.id
    insightsId: telemetry.outputs.insightsId
    deployers: deployers
  }
}

module compute 'modules/compute.bicep' = {
  name: 'compute'
  params: {
    workspaceName: workspace.outputs.name
    location: location
    tags: tags
    identityId: trainer.outputs.id
    vmSize: trainingVmSize
    maxNodes: trainingMaxNodes
    priority: trainingPriority
  }
}

output workspaceName string = workspace.outputs.name
output computeName string = compute.outputs.name
output storageName string = storage.outputs.name
