// Command bootstrap is the Lambda function that works the jobs of the semantics suite. With a table's name in
// CORE_TEST_TABLE it keeps records in DynamoDB.
package main

import (
	"log"
	"os"

	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/dynamostore"
)

func main() {
	opts := []lambdaworker.Option{lambdaworker.Recorder(workload.Recorder{})}
	if table := os.Getenv("CORE_TEST_TABLE"); table != "" {
		cfg, err := lambdaworker.AWSConfig()
		if err != nil {
			log.Fatal(err)
		}
		store := dynamostore.New(dynamostore.NewAPI(cfg), table, dynamostore.Options{})
		opts = append(opts, lambdaworker.Recorder(results.NewRecorder(store, results.Config{})))
	}
	lambdaworker.Start(workload.Registry(), opts...)
}
