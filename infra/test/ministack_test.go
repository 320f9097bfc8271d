package test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/coretasks/core/examples/reports"
	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/dynamostore"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// TestTerraformOnMiniStack applies the example with its Lambda functions and its table, and enqueues jobs, which the
// functions work. MiniStack keeps alarms incompletely; LocalStack is where these are judged.
func TestTerraformOnMiniStack(t *testing.T) {
	t.Parallel()
	cfg := testenv.MiniStack(t)
	needTerraform(t)
	zip, architecture := buildZip(t)
	w := newWorkspace(t, cfg, "-var=alarms=false", "-var=results=true", "-var=lambda_zip="+zip, "-var=lambda_architecture="+architecture,
		fmt.Sprintf(`-var=lambda_environment={AWS_ENDPOINT_URL=%q}`, *cfg.BaseEndpoint))
	w.write(t, reports.Registry(t.TempDir()))
	w.apply(t)
	w.wantNoChanges(t)

	client, err := sqsqueue.New(sqsqueue.NewAPI(cfg), sqsqueue.Config{Prefix: w.prefix})
	if err != nil {
		t.Fatal(err)
	}
	table := w.prefix + "reports-jobs"
	database := dynamodb.NewFromConfig(cfg)
	// The table is what the store expects: there is nothing to change.
	if done, err := dynamostore.CreateTable(t.Context(), database, table); err != nil || len(done) > 0 {
		t.Errorf("'core results apply' would do %v to the table: %v", done, err)
	}
	store := dynamostore.New(database, table, dynamostore.Options{})
	queue := results.Track(client, store, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var jobs []tasks.Job
	for user := range int64(3) {
		job, err := reports.Generate.Delay(ctx, queue, reports.Params{UserID: user + 1, ReportType: "monthly"})
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, job)
	}
	for i, job := range jobs {
		report, err := reports.Generate.Wait(ctx, store, job.ID)
		if err != nil {
			t.Fatalf("job %s: %v", job.ID, err)
		}
		if report.UserID != int64(i+1) || report.Rows == 0 {
			t.Errorf("job %s has the result %+v", job.ID, report)
		}
	}

	w.destroy(t)
	wantNothingLeft(t, w.prefix, map[string]func(context.Context) ([]string, error){
		"queue": queuesOf(cfg, w.prefix),
		"role":  rolesOf(cfg),
		"function": func(ctx context.Context) (names []string, err error) {
			out, err := lambda.NewFromConfig(cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{})
			if err != nil {
				return nil, err
			}
			for _, f := range out.Functions {
				names = append(names, *f.FunctionName)
			}
			return names, nil
		},
		"mapping": func(ctx context.Context) (names []string, err error) {
			out, err := lambda.NewFromConfig(cfg).ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{})
			if err != nil {
				return nil, err
			}
			for _, m := range out.EventSourceMappings {
				names = append(names, *m.EventSourceArn)
			}
			return names, nil
		},
		"table": func(ctx context.Context) ([]string, error) {
			out, err := database.ListTables(ctx, &dynamodb.ListTablesInput{})
			if err != nil {
				return nil, err
			}
			return out.TableNames, nil
		},
	})
}

// buildZip makes the example's Lambda function, as 'make lambda' does.
func buildZip(t *testing.T) (file, architecture string) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "../../scripts/lambda", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "reports-"+runtime.GOARCH+".zip"), map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
}
