package dynamotest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

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
		if err := dynamostore.CreateTable(ctx, client, name); err != nil {
			t.Fatal(err)
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
		if _, err := client.CreateTable(ctx, in); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}) })
		if err := dynamostore.CreateTable(ctx, client, name); !errors.Is(err, dynamostore.ErrSchema) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v", err)
		}
		if _, err := dynamostore.New(client, name, dynamostore.Options{}).List(ctx, results.Filter{}); !errors.Is(err, dynamostore.ErrSchema) {
			t.Errorf("list: %v", err)
		}
	})
}
