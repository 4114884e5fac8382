// Production on Azure (yours).
using 'main.bicep'

param project = 'flights'
param environment = 'production'
param costOwner = 'flights-team'

param trainingVmSize = 'Standard_D4s_v5'
param trainingMaxNodes = 4
param trainingPriority = 'Dedicated'
param logRetentionDays = 365
param storageRedundancy = 'Standard_ZRS'

param deployerPrincipalId = readEnvironmentVariable('AZURE_DEPLOYER_ID', '')
