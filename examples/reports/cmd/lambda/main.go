// Command lambda is the example's tasks as a Lambda function; 'make lambda' builds it. It links no more than it needs: the
// sales are a sample in memory, and files are in CORE_STATE_DIR, or in the function's /tmp. With dynamodb://TABLE in
// CORE_RESULTS it keeps records of jobs.
package main

import (
	"cmp"
	"log"
	"os"
	"strings"

	"github.com/coretasks/core/examples/reports"
	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/dynamostore"
)

func main() {
	registry := reports.SampleRegistry(cmp.Or(os.Getenv("CORE_STATE_DIR"), os.TempDir()))
	lambdaworker.Start(registry, records()...)
}

// records is the store that CORE_RESULTS names, if any. Its client is made here once, for all invocations.
func records() []lambdaworker.Option {
	where := os.Getenv("CORE_RESULTS")
	if where == "" || where == "none" {
		return nil
	}
	table, ok := strings.CutPrefix(where, "dynamodb://")
	if !ok || table == "" {
		log.Fatalf("CORE_RESULTS=%q is invalid: use none or dynamodb://TABLE", where)
	}
	cfg, err := lambdaworker.AWSConfig()
	if err != nil {
		log.Fatal(err)
	}
	store := dynamostore.New(dynamostore.NewAPI(cfg), table, dynamostore.Options{})
	return []lambdaworker.Option{lambdaworker.Recorder(results.NewRecorder(store, results.Config{}))}
}
