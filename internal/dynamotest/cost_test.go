package dynamotest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/dynamostore"
)

// metered is a client that adds up what its requests cost, by DynamoDB Local's count.
type metered struct {
	*dynamodb.Client
	mu       sync.Mutex
	requests int
	units    float64
}

func (m *metered) count(c *types.ConsumedCapacity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	if c != nil {
		m.units += aws.ToFloat64(c.CapacityUnits)
	}
}

// cost tells what a call costs.
func (m *metered) cost(call func()) (requests int, units float64) {
	m.mu.Lock()
	m.requests, m.units = 0, 0
	m.mu.Unlock()
	call()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests, m.units
}

func (m *metered) GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.GetItem(ctx, in, opts...)
	if err == nil {
		m.count(out.ConsumedCapacity)
	}
	return out, err
}

func (m *metered) PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.PutItem(ctx, in, opts...)
	if err == nil {
		m.count(out.ConsumedCapacity)
	} else {
		m.count(nil) // what a failed condition costs is not told
	}
	return out, err
}

func (m *metered) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.UpdateItem(ctx, in, opts...)
	if err == nil {
		m.count(out.ConsumedCapacity)
	} else {
		m.count(nil)
	}
	return out, err
}

func (m *metered) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.BatchGetItem(ctx, in, opts...)
	if err == nil && len(out.ConsumedCapacity) == 1 {
		m.count(&out.ConsumedCapacity[0])
	}
	return out, err
}

func (m *metered) Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.Query(ctx, in, opts...)
	if err == nil {
		m.count(out.ConsumedCapacity)
	}
	return out, err
}

// TestCost holds the figures of dynamostore's documentation to what DynamoDB Local counts.
func TestCost(t *testing.T) {
	t.Parallel()
	client := &metered{Client: dynamoDBLocal.client(t)}
	s := dynamostore.New(client, table(t, client.Client), dynamostore.Options{})
	ctx, at := t.Context(), time.Now()
	later := func() time.Time {
		at = at.Add(time.Second)
		return at
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	start := func(id string, attempt int) {
		t.Helper()
		_, err := s.Start(ctx, results.Start{ID: id, Task: "reports.generate", Queue: "default", Attempt: attempt, At: later()})
		must(err)
	}
	end := func(id string, attempt int, state results.State, result string) {
		t.Helper()
		must(s.End(ctx, results.End{
			ID: id, Task: "reports.generate", Queue: "default", Attempt: attempt, State: state, At: later(), Result: []byte(result),
		}))
	}
	enqueue := func(ids ...string) {
		t.Helper()
		for _, id := range ids {
			for _, err := range s.Enqueue(ctx, []results.Record{{ID: id, Task: "reports.generate", Queue: "default", EnqueuedAt: at}}) {
				must(err)
			}
		}
	}
	cancel := func(id string) {
		t.Helper()
		_, err := s.Cancel(ctx, id, later())
		must(err)
	}
	enqueue("d")
	start("e", 1)
	start("f", 1)
	const unknown = -1 // DynamoDB Local counts nothing for what it finds nothing in; AWS counts half a unit
	for _, tt := range []struct {
		name     string
		requests int
		units    float64
		call     func()
	}{
		{"Enqueue", 1, 2, func() { enqueue("a") }},
		{"Start", 1, 3, func() { start("a", 1) }},
		{"Progress", 1, 2, func() { must(s.Progress(ctx, "a", 1, 0.5, "half", later())) }},
		{"End, retrying", 1, 3, func() { end("a", 1, results.Retrying, "") }},
		{"Start of a retry", 1, 3, func() { start("a", 2) }},
		{"End", 1, 3, func() { end("a", 2, results.Succeeded, `"ok"`) }},
		{"final states only", 1, 2, func() { end("b", 1, results.Succeeded, `"ok"`) }},
		{"Start without a record", 1, 2, func() { start("c", 1) }},
		{"End with 9 KB more", 1, 12, func() { end("c", 1, results.Succeeded, `"`+strings.Repeat("x", 9<<10)+`"`) }},
		{"Cancel, queued", 1, 3, func() { cancel("d") }},
		{"Start of a duplicate", 1, unknown, func() { // refused by a condition, of which DynamoDB Local tells no cost
			_, err := s.Start(ctx, results.Start{ID: "e", Task: "t", Queue: "q", Attempt: 1, At: later()})
			if !errors.Is(err, results.ErrRunning) {
				t.Error(err)
			}
		}},
		{"Cancel, running", 2, 2, func() { cancel("f") }},
		{"Get", 1, 1, func() { _, err := s.Get(ctx, "a"); must(err) }},
		{"CancelRequested", 1, 1.5, func() { _, err := s.CancelRequested(ctx, []string{"a", "b", "e"}); must(err) }},
		{"List of a state", 8, unknown, func() { _, err := s.List(ctx, results.Filter{State: results.Dead}); must(err) }},
		{"List", 48, unknown, func() { _, err := s.List(ctx, results.Filter{}); must(err) }},
	} {
		requests, units := client.cost(tt.call)
		if requests != tt.requests || units != tt.units && tt.units != unknown {
			t.Errorf("%s: %d requests, %v units; want %d, %v", tt.name, requests, units, tt.requests, tt.units)
		}
	}
}
