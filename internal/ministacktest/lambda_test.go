// Package ministacktest deploys to MiniStack, a stand-in for AWS that runs Lambda functions natively, the zip that 'make
// lambda' makes, and runs the cases of the semantics suite that fit: MiniStack polls, counts receives and hides messages,
// with real time.
package ministacktest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/coretasks/core/internal/semantics"
	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/dynamostore"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

const (
	variable = "CORE_TEST_MINISTACK"
	// visibility is comfortably more than a cold start of MiniStack's takes.
	visibility = 30 * time.Second
)

func TestMain(m *testing.M) {
	testenv.Main(m, fmt.Sprintf("the Lambda function on MiniStack; run make test, or %s=$(scripts/ministack up) go test ./...", variable), variable)
}

func config(t *testing.T) aws.Config {
	t.Helper()
	endpoint := strings.TrimSuffix(os.Getenv(variable), "/")
	if endpoint == "" {
		testenv.Unavailable(t, "needs MiniStack: run make test, or %s=$(scripts/ministack up) go test ./...", variable)
	}
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// deployment is the function with a table for its records.
type deployment struct {
	cfg    aws.Config
	client *lambda.Client
	name   string
	store  results.Store
}

// deploy makes the zip and a function of it.
func deploy(t *testing.T) *deployment {
	t.Helper()
	cfg := config(t)
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "../../scripts/lambda", dir, "./internal/semantics/bootstrap")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	zip, err := os.ReadFile(filepath.Join(dir, "bootstrap-"+runtime.GOARCH+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	arch := types.ArchitectureX8664
	if runtime.GOARCH == "arm64" {
		arch = types.ArchitectureArm64
	}
	d := &deployment{cfg: cfg, client: lambda.NewFromConfig(cfg), name: "core-" + uuid.NewString()[:8]}
	table := d.name
	database := dynamodb.NewFromConfig(cfg)
	if _, err := dynamostore.CreateTable(t.Context(), database, table); err != nil {
		t.Fatal(err)
	}
	d.store = dynamostore.New(database, table, dynamostore.Options{})
	_, err = d.client.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &d.name, Role: aws.String("arn:aws:iam::000000000000:role/lambda"), Runtime: types.RuntimeProvidedal2023,
		Handler: aws.String("bootstrap"), Architectures: []types.Architecture{arch}, Code: &types.FunctionCode{ZipFile: zip},
		Timeout: aws.Int32(int32(semantics.FunctionTimeout / time.Second)), MemorySize: aws.Int32(512),
		Environment: &types.Environment{Variables: map[string]string{
			"AWS_ENDPOINT_URL": *cfg.BaseEndpoint, "CORE_TEST_TABLE": table, "CORE_GRACE": "500ms",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if _, err := d.client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &d.name}); err != nil {
			t.Error(err)
		}
		if _, err := database.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
			t.Error(err)
		}
	})
	return d
}

// env is the queues of one case, mapped to the function.
func (d *deployment) env(t *testing.T) semantics.Env {
	t.Helper()
	api := sqsqueue.NewAPI(d.cfg)
	prefix := "sem-" + uuid.NewString()[:8] + "-"
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return semantics.Env{API: api, Client: client, Work: func(t *testing.T, _ semantics.WorkOptions) func() error {
		t.Helper()
		url, err := client.URL(t.Context(), tasks.DefaultQueue)
		if err != nil {
			t.Fatal(err)
		}
		queue, err := api.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
		if err != nil {
			t.Fatal(err)
		}
		mapping, err := d.client.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
			FunctionName: &d.name, EventSourceArn: aws.String(queue.Attributes["QueueArn"]), BatchSize: aws.Int32(10),
			FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
			ScalingConfig:         &types.ScalingConfig{MaximumConcurrency: aws.Int32(2)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return func() error {
			_, err := d.client.DeleteEventSourceMapping(context.Background(), &lambda.DeleteEventSourceMappingInput{UUID: mapping.UUID})
			return err
		}
	}}
}

// TestSemantics is the suite through the deployed zip, with records in DynamoDB.
func TestSemantics(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	t.Run("suite", func(t *testing.T) {
		semantics.Run(t, semantics.Backend{
			Visibility: visibility,
			Only: []string{
				"outcome/success runs once and leaves nothing",
				"outcome/a failure is retried until it succeeds",
				"outcome/an exhausted job is dead-lettered with its error",
				"outcome/a permanent failure is not retried",
				"outcome/a timeout cancels with its cause and counts as a failure",
				"outcome/a panic is a failure",
				"schedule/a countdown is never early",
				"message/a malformed body is dead-lettered at once, as it came",
				"message/in bulk each item has its own fate",
			},
			Run: func(t *testing.T, test func(*testing.T, semantics.Env)) {
				t.Helper()
				test(t, d.env(t))
			},
		})
	})
}

// TestRecords: what the function records can be read, and a job that its process died of runs to its end.
func TestRecords(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	e := d.env(t)
	registry := semantics.WorkOptions{Visibility: 10 * time.Second}.Registry()
	if _, err := sqsqueue.Apply(t.Context(), e.Client, registry); err != nil {
		t.Fatal(err)
	}
	stop := e.Work(t, semantics.WorkOptions{})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	diary := filepath.Join(t.TempDir(), "diary")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	job, err := workload.OK.Delay(ctx, e.Client, workload.Params{Diary: diary, N: 42})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := workload.OK.Wait(ctx, d.store, job.ID); err != nil || n != 42 {
		t.Errorf("result %d, %v; want 42", n, err)
	}
	dies, err := workload.Dies.Delay(ctx, e.Client, workload.Params{Diary: diary})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := workload.Dies.Wait(ctx, d.store, dies.ID); err != nil {
		t.Error(err)
	}
}
