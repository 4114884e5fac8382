// What the environments share on Azure (yours).
using 'shared.bicep'

param project = 'flights'
param costOwner = 'flights-team'
