// The endpoint of one model: who calls it signs in with Entra (there is no key to lose), it acts as an identity that may read and pull, and its
// requests, errors and latency are told. What serves behind it comes with a promotion, never from here.
param name string

@description('Only where it is not there: a template that writes an endpoint without its traffic takes the traffic away.')
param create bool
param model string
param workspaceName string
param location string
param tags object
param identityName string
param private bool
param logsName string
param actionGroupName string
param errorsPerMinute int
param latencyMs int

var identityId = resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', identityName)
var metrics = 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints'

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-05-01' existing = {
  name: workspaceName
}

resource logs 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: logsName
}

resource created 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints@2026-05-01' = if (create) {
  parent: workspace
  name: name
  location: location
  tags: union(tags, {
    model: model
  })
  kind: 'Managed'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    authMode: 'AADToken'
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    description: 'The model ${model}.'
  }
}

resource endpoint 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints@2026-05-01' existing = {
  parent: workspace
  name: name
}

resource requests 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-logs'
  scope: endpoint
  properties: {
    workspaceId: logs.id
    logs: [
      {
        category: 'AmlOnlineEndpointTrafficLog'
        enabled: true
      }
      {
        category: 'AmlOnlineEndpointConsoleLog'
        enabled: true
      }
      {
        category: 'AmlOnlineEndpointEventLog'
        enabled: true
      }
    ]
  }
  dependsOn: [created]
}

resource errors 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: '${name}-errors'
  location: 'global'
  tags: tags
  properties: {
    description: 'The endpoint of ${model} fails: ${errorsPerMinute} or more requests a minute end with a server error.'
    severity: 1
    enabled: true
    scopes: [endpoint.id]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'server-errors'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: metrics
          metricName: 'RequestsPerMinute'
          dimensions: [
            {
              name: 'statusCodeClass'
              operator: 'Include'
              values: ['5xx']
            }
          ]
          timeAggregation: 'Average'
          operator: 'GreaterThanOrEqual'
          threshold: errorsPerMinute
        }
      ]
    }
    actions: [
      {
        actionGroupId: resourceId('Microsoft.Insights/actionGroups', actionGroupName)
      }
    ]
  }
  dependsOn: [created]
}

resource slow 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: '${name}-latency'
  location: 'global'
  tags: tags
  properties: {
    description: 'The endpoint of ${model} is slow: its 95th percentile is above ${latencyMs} ms.'
    severity: 2
    enabled: true
    scopes: [endpoint.id]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'p95'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: metrics
          metricName: 'RequestLatency_P95'
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          threshold: latencyMs
        }
      ]
    }
    actions: [
      {
        actionGroupId: resourceId('Microsoft.Insights/actionGroups', actionGroupName)
      }
    ]
  }
  dependsOn: [created]
}
