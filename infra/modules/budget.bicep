// Who is told, and what a month may cost. A budget tells; it stops nothing, and hears of costs some hours late.
param stem string
param tags object
param emails array
param monthly int
param start string

resource told 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${stem}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: take(stem, 12)
    enabled: true
    emailReceivers: [
      for (email, index) in emails: {
        name: 'email-${index}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource budget 'Microsoft.Consumption/budgets@2026-06-01' = {
  name: 'budget-${stem}'
  properties: {
    category: 'Cost'
    amount: monthly
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: start
    }
    notifications: {
      nearly: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: emails
        contactGroups: [told.id]
      }
      spent: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Actual'
        contactEmails: emails
        contactGroups: [told.id]
      }
      foreseen: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: emails
        contactGroups: [told.id]
      }
    }
  }
}
