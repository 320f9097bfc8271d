package dynamotest

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"github.com/coretasks/core/internal/mainjob"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/dynamostore"
)

func TestTableOnDynamoDBLocal(t *testing.T) {
	t.Parallel()
	testTable(t, dynamoDBLocal.client(t))
}

func TestTableOnMiniStack(t *testing.T) {
	t.Parallel()
	testTable(t, miniStack.client(t))
}

func testTable(t *testing.T, client *dynamodb.Client) {
	t.Helper()
	t.Run("made once more", func(t *testing.T) {
		t.Parallel()
		ctx, name := t.Context(), table(t, client)
		s := dynamostore.New(client, name, dynamostore.Options{})
		if _, err := s.Start(ctx, results.Start{ID: "kept", Attempt: 1}); err != nil {
			t.Fatal(err)
		}
		if done, err := dynamostore.CreateTable(ctx, client, name); err != nil || len(done) != 0 {
			t.Fatalf("%v, %v: there was nothing to do", done, err)
		}
		if err := dynamostore.CheckTable(ctx, client, name); err != nil {
			t.Error(err)
		}
		if _, err := s.Get(ctx, "kept"); err != nil {
			t.Error(err)
		}
		ttl, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
		if err != nil || aws.ToString(ttl.TimeToLiveDescription.AttributeName) != "expires_at" ||
			ttl.TimeToLiveDescription.TimeToLiveStatus != types.TimeToLiveStatusEnabled {
			t.Errorf("time to live: %+v, %v", ttl, err)
		}
		if err := s.Ping(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		ctx, name := t.Context(), "core-missing"
		s := dynamostore.New(client, name, dynamostore.Options{})
		_, get := s.Get(ctx, "x")
		_, start := s.Start(ctx, results.Start{ID: "x", Attempt: 1})
		_, list := s.List(ctx, results.Filter{})
		_, requested := s.CancelRequested(ctx, []string{"x"})
		for call, err := range map[string]error{
			"get": get, "start": start, "list": list, "requested": requested, "ping": s.Ping(ctx),
			"enqueue": s.Enqueue(ctx, []results.Record{{ID: "x"}})[0],
		} {
			if e, ok := errors.AsType[*dynamostore.TableError](err); !ok || e.Table != name || !errors.Is(err, dynamostore.ErrNoTable) {
				t.Errorf("%s: %v", call, err)
			}
		}
	})
	t.Run("another program's", func(t *testing.T) {
		t.Parallel()
		ctx, name := t.Context(), "core-"+uuid.NewString()
		in := dynamostore.TableInput(name)
		in.GlobalSecondaryIndexes, in.AttributeDefinitions = nil, in.AttributeDefinitions[:1]
		// The client asks again where an answer is lost, and then finds its own table.
		if _, err := client.CreateTable(ctx, in); err != nil && !errors.As(err, new(*types.ResourceInUseException)) {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}) })
		if _, err := dynamostore.CreateTable(ctx, client, name); !errors.Is(err, dynamostore.ErrSchema) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v", err)
		}
		if _, err := dynamostore.New(client, name, dynamostore.Options{}).List(ctx, results.Filter{}); !errors.Is(err, dynamostore.ErrSchema) {
			t.Errorf("list: %v", err)
		}
	})
}

// TestResultsApply is the table's life at the command line.
func TestResultsApplyOnDynamoDBLocal(t *testing.T) {
	t.Parallel()
	testResultsApply(t, dynamoDBLocal)
}

func TestResultsApplyOnMiniStack(t *testing.T) {
	t.Parallel()
	testResultsApply(t, miniStack)
}

func testResultsApply(t *testing.T, s service) {
	t.Helper()
	client, name := s.client(t), "core-"+uuid.NewString()
	t.Cleanup(func() { _, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}) })
	w := &mainjob.World{Dir: t.TempDir(), Env: []string{
		"AWS_ENDPOINT_URL_DYNAMODB=" + os.Getenv(s.variable), "AWS_ENDPOINT_URL_SQS=http://127.0.0.1:1", "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "CORE_RESULTS=dynamodb://" + name,
	}}
	doctor := func(want string) {
		t.Helper()
		if _, stdout, _ := w.Run(t, "", "doctor"); !strings.Contains(stdout, want) {
			t.Errorf("doctor lacks %q:\n%s", want, stdout)
		}
	}
	doctor("FAIL  results dynamodb://" + name)
	doctor("mend it with: ")
	if got := w.Must(t, "results", "apply"); !strings.Contains(got, "created the table, on demand") || !strings.Contains(got, "time to live") {
		t.Errorf("the first apply says\n%s", got)
	}
	if got := w.Must(t, "results", "apply"); !strings.Contains(got, "unchanged") {
		t.Errorf("the second apply says\n%s", got)
	}
	doctor("ok    results dynamodb://" + name)
	_, err := client.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName: &name, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("expires_at"), Enabled: aws.Bool(false)},
	})
	if err != nil {
		t.Fatal(err)
	}
	doctor("its time to live by expires_at is off")
	if got := w.Must(t, "results", "apply"); strings.Contains(got, "created") || !strings.Contains(got, "switched on its time to live") {
		t.Errorf("apply says\n%s", got)
	}
	doctor("ok    results dynamodb://" + name)
}
