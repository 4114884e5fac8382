// Staging on Azure (yours).
using 'main.bicep'

param project = 'flights'
param environment = 'staging'
param costOwner = 'flights-team'
param models = ['flights']

param trainingVmSize = 'Standard_D4s_v5'
param trainingMaxNodes = 2
param trainingPriority = 'LowPriority'
param storageRedundancy = 'Standard_LRS'

// Who signs in without a secret. GitHub: these jobs of this repository; a delivery to production moves the registry, which is in this workspace.
// Azure DevOps: what the service connection shows.
param githubRepository = readEnvironmentVariable('AZURE_GITHUB_REPOSITORY', '')
param githubJobs = ['environment:staging', 'environment:production', 'ref:refs/heads/main']
param devopsIssuer = readEnvironmentVariable('AZURE_DEVOPS_ISSUER', '')
param devopsSubject = readEnvironmentVariable('AZURE_DEVOPS_SUBJECT', '')

// Object ids of Entra groups: 'data-scientists', readers, callers.
param groups = {}

// The registry that environments share, once `make infra ENV=shared` has made it and told its name; models go in from here.
param registryGroup = 'rg-flights-shared'
param registryName = readEnvironmentVariable('AZURE_REGISTRY_NAME', '')
param registryPublishes = true

param alertEmails = ['flights-team@example.com']
param monthlyBudget = 200
param budgetStart = '2027-01-01'
