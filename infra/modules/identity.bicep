// An identity that has no password, for machines that act. Where a CI system is to sign in as it, the system's own token is believed,
// for the jobs that are named and for nothing else.
param name string
param location string
param tags object

@description('GitHub: the subjects of the tokens, as repo:owner/name:environment:staging. Empty: none.')
param githubSubjects array = []

@description('Azure DevOps: what the service connection shows. Empty: none.')
param devopsIssuer string = ''
param devopsSubject string = ''

var github = [
  for (subject, index) in githubSubjects: {
    name: index == 0 ? 'github' : 'github-${index}'
    issuer: 'https://token.actions.githubusercontent.com'
    subject: subject
  }
]
var devops = empty(devopsSubject) ? [] : [
  {
    name: 'azure-devops'
    issuer: devopsIssuer
    subject: devopsSubject
  }
]

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

// One after the other: the service refuses two at once for one identity.
@batchSize(1)
resource trusted 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = [
  for token in concat(github, devops): {
    parent: identity
    name: token.name
    properties: {
      issuer: token.issuer
      subject: token.subject
      audiences: ['api://AzureADTokenExchange']
    }
  }
]

output clientId string = identity.properties.clientId
