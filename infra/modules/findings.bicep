// What `mlops monitor` found and sent to Application Insights: told to the action group where something is bad. Without that variable nothing is sent,
// and this asks an empty table once an hour.
param name string
param location string
param tags object
param insightsName string
param actionGroupName string

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource bad 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = {
  name: '${name}-findings'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: '${name}: what monitoring found'
    description: 'mlops monitor found something bad about what is in production; its issue, or monitor.json of its run, says what.'
    severity: 2
    enabled: true
    scopes: [insights.id]
    evaluationFrequency: 'PT1H'
    windowSize: 'PT1H'
    autoMitigate: false
    criteria: {
      allOf: [
        {
          query: 'customEvents | where name == "slipway.monitor" and tostring(customDimensions.status) == "bad" | extend model = tostring(customDimensions.model)'
          timeAggregation: 'Count'
          dimensions: [
            {
              name: 'model'
              operator: 'Include'
              values: ['*']
            }
          ]
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: {
      actionGroups: [
        resourceId('Microsoft.Insights/actionGroups', actionGroupName)
      ]
    }
  }
}
