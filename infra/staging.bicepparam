// Staging on Azure (yours).
using 'main.bicep'

param project = 'flights'
param environment = 'staging'
param costOwner = 'flights-team'

param trainingVmSize = 'Standard_D4s_v5'
param trainingMaxNodes = 2
param trainingPriority = 'LowPriority'
param storageRedundancy = 'Standard_LRS'

param deployerPrincipalId = readEnvironmentVariable('AZURE_DEPLOYER_ID', '')
