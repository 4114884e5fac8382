// What environments share (ours): the Azure ML registry that models go through from staging to production. A resource group of its own,
// so that the end of an environment is not the end of its models.
targetScope = 'resourceGroup'

@description('The project in lower-case letters and digits, a letter first.')
@minLength(3)
@maxLength(10)
param project string

@description('Azure region.')
param location string = resourceGroup().location

@description('Who pays: the tag cost-owner of every resource.')
@minLength(2)
param costOwner string

@description('public: a public address that asks for an Entra identity. private: through private endpoints only, which a network of yours must have.')
@allowed(['public', 'private'])
param network string = 'public'

@description('How long logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

var unique = uniqueString(resourceGroup().id, project)
var registryName = take('mlr-${toLower(project)}-${unique}', 32)
var tags = {
  project: project
  environment: 'shared'
  'cost-owner': costOwner
}

module telemetry 'modules/telemetry.bicep' = {
  name: 'telemetry'
  params: {
    name: '${toLower(project)}-shared'
    location: location
    tags: tags
    retentionDays: logRetentionDays
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  params: {
    name: registryName
    location: location
    tags: tags
    private: network == 'private'
    logsName: 'log-${toLower(project)}-shared'
  }
  dependsOn: [telemetry]
}

output registryName string = registryName
