// One environment of the project on Azure Machine Learning (ours): a workspace with what it leans on, compute that costs nothing while it rests,
// an identity with few rights for each who acts, an endpoint for each model, alerts and a budget.
// What differs from environment to environment stands in its own .bicepparam (yours). Each environment is a resource group of its own.
// Names and ids are computed here, not handed from module to module: what-if can tell a change only where it can tell the name.
targetScope = 'resourceGroup'

@description('The project in lower-case letters and digits, a letter first; every name is made of it.')
@minLength(3)
@maxLength(10)
param project string

@description('The deployment environment: staging, production.')
@minLength(3)
@maxLength(12)
param environment string

@description('Azure region.')
param location string = resourceGroup().location

@description('Who pays: the tag cost-owner of every resource.')
@minLength(2)
param costOwner string

@description('The models of src/project/project.yml: an endpoint, its logs and its alerts for each.')
param models array

@description('Those of the models whose endpoint is to be created now. make infra names the ones that are not there: to write one that is there would take its traffic away.')
param newEndpoints array = []

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

@description('public: each service has a public address and asks for an Entra identity. private: they answer in a virtual network only, and jobs reach nothing but what is named.')
@allowed(['public', 'private'])
param network string = 'public'

@description('private: the addresses of the virtual network.')
param addressPrefix string = '10.20.0.0/24'

@description('private: the hosts that jobs may reach beside the services of the workspace, such as where packages come from.')
param allowedHosts array = []

@description('GitHub: owner/name, exactly as it is written there. Empty: no workflow may sign in.')
param githubRepository string = ''

@description('GitHub: the jobs of the repository that may sign in, by what the subjects of their tokens end with.')
param githubJobs array = ['environment:${environment}', 'ref:refs/heads/main']

@description('GitHub: these subjects as they are, where the organization has changed their form. mlops doctor --ci tells them.')
param githubSubjects array = []

@description('Azure DevOps: issuer and subject as the page of the service connection shows them. Empty: no pipeline may sign in.')
param devopsIssuer string = ''
param devopsSubject string = ''

@description('Object ids of Entra groups, by who they are in roles.json: data-scientists, readers, callers. Without one, nobody is granted that.')
param groups object = {}

@description('The resource group and name of the Azure ML registry that environments share (shared.bicep). Empty: there is none.')
param registryGroup string = ''
param registryName string = ''

@description('Whether models go into the shared registry from here; without, they are only taken out of it.')
param registryPublishes bool = false

@description('Who is told of alerts and of the budget.')
param alertEmails array

@description('What a month may cost, in the currency of the subscription; at 80 % and at what is foreseen, somebody is told. Nothing is stopped.')
@minValue(1)
param monthlyBudget int

@description('The first day of the month that the budget begins in. It cannot be changed later.')
param budgetStart string

@description('Alert: failed requests of an endpoint a minute, and its 95th percentile in milliseconds, over five minutes.')
param alertErrorsPerMinute int = 1
param alertLatencyMs int = 500

// 13 characters that are the same each time for this resource group, and another's in any other: global names must be free.
var unique = uniqueString(resourceGroup().id, project, environment)
var stem = toLower('${project}-${environment}')
var storageName = take(toLower('${project}${unique}'), 24)
var vaultName = take('kv-${take(toLower(project), 7)}-${unique}', 24)
var imagesName = take(toLower('cr${project}${unique}'), 50)
var workspaceName = take('mlw-${stem}', 33)
var endpointNames = [for model in models: '${take(toLower(model), 24)}-${take(unique, 7)}']
var identityNames = {
  training: 'id-${stem}-training'
  endpoint: 'id-${stem}-endpoint'
  ci: 'id-${stem}-ci'
}

var tags = {
  project: project
  environment: environment
  'cost-owner': costOwner
}
var githubUsual = [for job in empty(githubRepository) ? [] : githubJobs: 'repo:${githubRepository}:${job}']
var private = network == 'private'
var clusterName = 'cpu-cluster'

module training 'modules/identity.bicep' = {
  name: 'identity-training'
  params: {
    name: identityNames.training
    location: location
    tags: tags
  }
}

module endpoint 'modules/identity.bicep' = {
  name: 'identity-endpoint'
  params: {
    name: identityNames.endpoint
    location: location
    tags: tags
  }
}

module ci 'modules/identity.bicep' = {
  name: 'identity-ci'
  params: {
    name: identityNames.ci
    location: location
    tags: tags
    githubSubjects: empty(githubSubjects) ? githubUsual : githubSubjects
    devopsIssuer: devopsIssuer
    devopsSubject: devopsSubject
  }
}

module telemetry 'modules/telemetry.bicep' = {
  name: 'telemetry'
  params: {
    name: stem
    location: location
    tags: tags
    retentionDays: logRetentionDays
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: storageName
    location: location
    tags: tags
    redundancy: storageRedundancy
    private: private
    logsName: 'log-${stem}'
  }
  dependsOn: [telemetry]
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    name: vaultName
    location: location
    tags: tags
    private: private
    logsName: 'log-${stem}'
  }
  dependsOn: [telemetry]
}

module images 'modules/images.bicep' = {
  name: 'images'
  params: {
    name: imagesName
    location: location
    tags: tags
    private: private
    logsName: 'log-${stem}'
  }
  dependsOn: [telemetry]
}

module workspace 'modules/workspace.bicep' = {
  name: 'workspace'
  params: {
    name: workspaceName
    location: location
    tags: tags
    storageName: storageName
    vaultName: vaultName
    imagesName: imagesName
    insightsName: 'appi-${stem}'
    logsName: 'log-${stem}'
    private: private
    allowedHosts: allowedHosts
    imageBuildCluster: clusterName
  }
  dependsOn: [storage, vault, images, telemetry]
}

module compute 'modules/compute.bicep' = {
  name: 'compute'
  params: {
    name: clusterName
    workspaceName: workspaceName
    location: location
    tags: tags
    identityName: identityNames.training
    vmSize: trainingVmSize
    maxNodes: trainingMaxNodes
    priority: trainingPriority
    private: private
  }
  dependsOn: [workspace, roles]
}

module endpoints 'modules/endpoint.bicep' = [
  for (model, index) in models: {
    name: 'endpoint-${model}'
    params: {
      name: endpointNames[index]
      create: contains(newEndpoints, model)
      model: model
      workspaceName: workspaceName
      location: location
      tags: tags
      identityName: identityNames.endpoint
      private: private
      logsName: 'log-${stem}'
      actionGroupName: 'ag-${stem}'
      errorsPerMinute: alertErrorsPerMinute
      latencyMs: alertLatencyMs
    }
    dependsOn: [workspace, roles, budget]
  }
]

// Before the endpoints: an endpoint whose identity may not yet pull its image does not come up.
module roles 'modules/roles.bicep' = {
  name: 'roles'
  params: {
    stem: stem
    workspaceName: workspaceName
    storageName: storageName
    imagesName: imagesName
    identityNames: identityNames
    groups: groups
  }
  dependsOn: [training, endpoint, ci, workspace]
}

module callers 'modules/callers.bicep' = [
  for (model, index) in models: if (contains(groups, 'callers')) {
    name: 'callers-${model}'
    params: {
      workspaceName: workspaceName
      endpointName: endpointNames[index]
      callers: groups.?callers ?? ''
    }
    dependsOn: [endpoints]
  }
]

module registryAccess 'modules/registry-access.bicep' = if (!empty(registryName)) {
  name: 'registry-access-${stem}'
  scope: resourceGroup(empty(registryGroup) ? resourceGroup().name : registryGroup)
  params: {
    registryName: registryName
    publishes: registryPublishes
    identityGroup: resourceGroup().name
    identityNames: identityNames
  }
  dependsOn: [ci, endpoint]
}

module budget 'modules/budget.bicep' = {
  name: 'budget'
  params: {
    stem: stem
    tags: tags
    emails: alertEmails
    monthly: monthlyBudget
    start: budgetStart
  }
}

module findings 'modules/findings.bicep' = {
  name: 'findings'
  params: {
    name: stem
    location: location
    tags: tags
    insightsName: 'appi-${stem}'
    actionGroupName: 'ag-${stem}'
  }
  dependsOn: [telemetry, budget]
}

module privateNetwork 'modules/network.bicep' = if (private) {
  name: 'network'
  params: {
    stem: stem
    location: location
    tags: tags
    addressPrefix: addressPrefix
    logsName: 'log-${stem}'
    storageName: storageName
    vaultName: vaultName
    imagesName: imagesName
    workspaceName: workspaceName
  }
  dependsOn: [workspace, telemetry]
}

output workspaceName string = workspaceName
output computeName string = clusterName
output storageName string = storageName
output endpointNames array = endpointNames
output ciClientId string = ci.outputs.clientId
