pipeline {
    agent any
    
    stages {
        stage('Execute Ratchet Task') {
            steps {
                script {
                    def response = httpRequest(
                        url: 'https://ratchet.example.com/api/v1/tasks/build-report/execute',
                        httpMode: 'POST',
                        contentType: 'APPLICATION_JSON',
                        customHeaders: [[name: 'Authorization', value: "Bearer ${env.RATCHET_TOKEN}"]],
                        requestBody: """{
                            "input": {
                                "build_number": "${env.BUILD_NUMBER}",
                                "branch": "${env.BRANCH_NAME}"
                            }
                        }"""
                    )
                    
                    def result = readJSON text: response.content
                    echo "Task executed: ${result.job.id}"
                }
            }
        }
    }
}
