package dynamostore

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/coretasks/core/results"
)

// broken answers everything with one error.
type broken struct{ err error }

func (b broken) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return nil, b.err
}

func (b broken) BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	return nil, b.err
}

func (b broken) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return nil, b.err
}

func (b broken) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return nil, b.err
}

func (b broken) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return nil, b.err
}

// calls makes every call of a store, by the IAM action that it needs.
func calls(ctx context.Context, s *Store) map[string]error {
	_, start := s.Start(ctx, results.Start{ID: "x", Attempt: 1})
	_, get := s.Get(ctx, "x")
	_, list := s.List(ctx, results.Filter{})
	_, requested := s.CancelRequested(ctx, []string{"x"})
	return map[string]error{
		"UpdateItem": start, "GetItem": get, "Query": list, "BatchGetItem": requested,
		"PutItem": s.Enqueue(ctx, []results.Record{{ID: "x"}})[0],
	}
}

func TestErrorsNameTableAndAction(t *testing.T) {
	t.Parallel()
	api := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "said by DynamoDB"} }
	for name, tt := range map[string]struct {
		err, want error
		says      string
	}{
		"no table":         {&types.ResourceNotFoundException{}, ErrNoTable, "create it"},
		"no permission":    {api("AccessDeniedException"), ErrDenied, "the credentials lack dynamodb:"},
		"throttled":        {&types.ProvisionedThroughputExceededException{}, ErrThrottled, "throttles"},
		"throttled, too":   {api("ThrottlingException"), ErrThrottled, "throttles"},
		"another schema":   {api("ValidationException"), ErrSchema, "another program"},
		"something else":   {api("InternalServerError"), nil, "said by DynamoDB"},
		"not reachable":    {errors.New("connection refused"), nil, "connection refused"},
		"no error of ours": {context.DeadlineExceeded, context.DeadlineExceeded, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for operation, err := range calls(t.Context(), New(broken{tt.err}, "jobs-prod", Options{})) {
				if !errors.Is(err, tt.err) || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%s: %v", operation, err)
				}
				if errors.Is(tt.err, context.DeadlineExceeded) {
					continue
				}
				table, ok := errors.AsType[*TableError](err)
				if !ok || table.Table != "jobs-prod" || table.Action != "dynamodb:"+operation ||
					!strings.Contains(err.Error(), "jobs-prod") || !strings.Contains(err.Error(), table.Action) {
					t.Errorf("%s: %v", operation, err)
				}
			}
		})
	}
}

// An item that another program wrote is an error, not a record.
func TestItemsOfAnotherKind(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]types.AttributeValue{attrState: number(1), attrAttempt: text("x"), attrProgress: &types.AttributeValueMemberN{Value: "x"}} {
		if _, err := itemOf(attributes{attrID: text("x"), name: v}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
