// Production on Azure (yours).
using 'main.bicep'

param project = 'flights'
param environment = 'production'
param costOwner = 'flights-team'
param models = ['flights']

param trainingVmSize = 'Standard_D4s_v5'
param trainingMaxNodes = 4
param trainingPriority = 'Dedicated'
param logRetentionDays = 365
param storageRedundancy = 'Standard_ZRS'

// private puts storage, vault, images, workspace and endpoints into a network of their own; docs/azure.md says what that asks of you.
param network = 'public'

// Who signs in without a secret. GitHub: these jobs of this repository; a rollback and a look at production wait for nobody's approval, and are jobs of
// main. Azure DevOps: what the service connection shows.
param githubRepository = readEnvironmentVariable('AZURE_GITHUB_REPOSITORY', '')
param githubJobs = ['environment:production', 'ref:refs/heads/main']
param devopsIssuer = readEnvironmentVariable('AZURE_DEVOPS_ISSUER', '')
param devopsSubject = readEnvironmentVariable('AZURE_DEVOPS_SUBJECT', '')

// Object ids of Entra groups: 'data-scientists', readers, callers.
param groups = {}

// The registry that environments share; here models are only taken out of it.
param registryGroup = 'rg-flights-shared'
param registryName = readEnvironmentVariable('AZURE_REGISTRY_NAME', '')

param alertEmails = ['flights-team@example.com']
param monthlyBudget = 1000
param budgetStart = '2027-01-01'
