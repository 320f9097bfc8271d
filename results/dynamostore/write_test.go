package dynamostore

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/coretasks/core/results"
)

// clerk takes every write and looks whether DynamoDB would read it at all.
type clerk struct {
	API

	t *testing.T
}

func (c *clerk) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	used := regexp.MustCompile(`[#:]\w+`).FindAllString(*in.UpdateExpression+" "+*in.ConditionExpression, -1)
	slices.Sort(used)
	used = slices.Compact(used)
	defined := append(slices.Collect(maps.Keys(in.ExpressionAttributeNames)), slices.Collect(maps.Keys(in.ExpressionAttributeValues))...)
	slices.Sort(defined)
	if !slices.Equal(used, defined) {
		c.t.Errorf("%s if %s\nuses %v\nhas  %v", *in.UpdateExpression, *in.ConditionExpression, used, defined)
	}
	return &dynamodb.UpdateItemOutput{}, nil
}

// TestWritesHaveWhatTheyUse and nothing else: DynamoDB refuses a request with a name or a value that no expression has.
func TestWritesHaveWhatTheyUse(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(context.Context, *Store) error{
		"start": func(ctx context.Context, s *Store) error {
			_, err := s.Start(ctx, results.Start{ID: "j", Task: "t", Queue: "q", Attempt: 1})
			return err
		},
		"progress": func(ctx context.Context, s *Store) error { return s.Progress(ctx, "j", 1, 0.5, "half", time.Now()) },
		"cancel": func(ctx context.Context, s *Store) error {
			_, err := s.Cancel(ctx, "j", time.Now())
			return err
		},
		"requeue": func(ctx context.Context, s *Store) error {
			_, err := s.Requeue(ctx, results.Requeue{ID: "j"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := write(t.Context(), New(&clerk{t: t}, "jobs", Options{})); err != nil {
				t.Error(err)
			}
		})
	}
	for _, state := range []results.State{results.Retrying, results.Queued, results.Succeeded, results.Dead, results.Cancelled} {
		for _, requeues := range []int{results.RequeuesUnknown, 0, 2} {
			t.Run(fmt.Sprintf("end as %s after %d requeues", state, requeues), func(t *testing.T) {
				t.Parallel()
				end := results.End{ID: "j", Attempt: 1, State: state, Requeues: requeues, Result: []byte("1"), Reason: "r", Error: "e"}
				if err := New(&clerk{t: t}, "jobs", Options{}).End(t.Context(), end); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
