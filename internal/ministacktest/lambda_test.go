package ministacktest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/internal/semantics"
	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/dynamostore"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// visibility is comfortably more than a cold start of MiniStack's takes.
const visibility = 30 * time.Second

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
	cfg := testenv.MiniStack(t)
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
		return d.work(t, client)
	}}
}

// work maps the default queue to the function.
func (d *deployment) work(t *testing.T, client *sqsqueue.Client) (stop func() error) {
	t.Helper()
	url, err := client.URL(t.Context(), tasks.DefaultQueue)
	if err != nil {
		t.Fatal(err)
	}
	queue, err := sqs.NewFromConfig(d.cfg).GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
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
}

// TestSemantics is the suite of what a task's author relies on, as far as it fits, through the zip that scripts/lambda makes,
// deployed as a Lambda function, with records in DynamoDB. MiniStack polls, counts receives and hides messages, in real time.
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

// TestDoctor compares the deployed function with the tasks, by Lambda's API.
func TestDoctor(t *testing.T) { // not parallel: the command line reads the environment
	d := deploy(t)
	prefix := d.name + "-"
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": *d.cfg.BaseEndpoint, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"CORE_QUEUE_PREFIX": prefix,
	} {
		t.Setenv(name, value)
	}
	registry := workload.Registry(tasks.QueueSettings{Name: tasks.DefaultQueue, LambdaTimeout: semantics.FunctionTimeout})
	doctor := func(function string) (int, string) {
		var out strings.Builder
		code := cli.Run(t.Context(), registry, []string{"doctor", "--lambda", function}, strings.NewReader(""), &out, &out)
		return code, out.String()
	}
	client, err := sqsqueue.New(sqsqueue.NewAPI(d.cfg), sqsqueue.Config{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqsqueue.Apply(t.Context(), client, registry); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		function, want string
		code           int
	}{
		{"missing", "FAIL  function missing: ResourceNotFoundException", 1},
		{d.name, "no event source mapping hands it messages of any queue of this program", 1},
	} {
		if code, out := doctor(tt.function); code != tt.code || !strings.Contains(out, tt.want) {
			t.Errorf("exit code %d, want %d with %q:\n%s", code, tt.code, tt.want, out)
		}
	}
	stop := d.work(t, client)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	code, out := doctor(d.name)
	if want := "mapping of queue " + prefix + "default: batches of 10, partial failures, at most 2 at once, visibility timeout 1m0s"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("exit code %d, want 0 with %q:\n%s", code, want, out)
	}
}
