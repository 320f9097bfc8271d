package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TableAPI are the methods of *dynamodb.Client that [CreateTable] calls.
type TableAPI interface {
	CreateTable(ctx context.Context, in *dynamodb.CreateTableInput, opts ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, opts ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	DescribeTimeToLive(ctx context.Context, in *dynamodb.DescribeTimeToLiveInput, opts ...func(*dynamodb.Options)) (*dynamodb.DescribeTimeToLiveOutput, error)
	UpdateTimeToLive(ctx context.Context, in *dynamodb.UpdateTimeToLiveInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateTimeToLiveOutput, error)
}

// listed are the attributes that the index has beside its keys: all but the result, so that a listing costs the same
// however large results are.
var listed = []string{
	attrTask, attrQueue, attrState, attrAttempt, attrRuns, attrCancel, attrEnqueued, attrStarted, attrRetry, attrFinished,
	attrUpdated, attrProgress, attrProgressText, attrReason, attrError, attrExpires,
}

// TableInput describes the table, for those who create it by other means: on demand, keyed by the job's ID, with one index
// for listings. Its time to live is the attribute "expires_at".
func TableInput(table string) *dynamodb.CreateTableInput {
	keyOf := func(hash string, ranges ...string) []types.KeySchemaElement {
		keys := []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}}
		for _, name := range ranges {
			keys = append(keys, types.KeySchemaElement{AttributeName: &name, KeyType: types.KeyTypeRange})
		}
		return keys
	}
	in := &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest, KeySchema: keyOf(attrID),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String(indexName), KeySchema: keyOf(attrListKey, attrListAt),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: listed},
		}},
	}
	for _, name := range []string{attrID, attrListKey, attrListAt} {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
	}
	return in
}

// tablePoll is how often a table that is being made is looked at.
const tablePoll = 250 * time.Millisecond

// CreateTable makes the table and waits until it can be used. A table that is there already is checked and left as it is,
// but for its time to live, which is switched on.
func CreateTable(ctx context.Context, api TableAPI, table string) error {
	s := &Store{table: table}
	_, err := api.CreateTable(ctx, TableInput(table))
	if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists {
		return s.explain(err, "CreateTable")
	}
	if err := s.await(ctx, api); err != nil {
		return err
	}
	ttl, err := api.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &table})
	if err != nil {
		return s.explain(err, "DescribeTimeToLive")
	}
	if d := ttl.TimeToLiveDescription; d != nil && aws.ToString(d.AttributeName) == attrExpires &&
		(d.TimeToLiveStatus == types.TimeToLiveStatusEnabled || d.TimeToLiveStatus == types.TimeToLiveStatusEnabling) {
		return nil
	}
	_, err = api.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(attrExpires), Enabled: aws.Bool(true)},
	})
	return s.explain(err, "UpdateTimeToLive")
}

// await waits until a table and its index are active.
func (s *Store) await(ctx context.Context, api TableAPI) error {
	for {
		out, err := api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
		if err != nil {
			return s.explain(err, "DescribeTable")
		}
		if err := s.check(out.Table); err != nil {
			return err
		}
		active := out.Table.TableStatus == types.TableStatusActive || out.Table.TableStatus == types.TableStatusUpdating
		for _, index := range out.Table.GlobalSecondaryIndexes {
			active = active && index.IndexStatus == types.IndexStatusActive
		}
		if active {
			return nil
		}
		select {
		case <-time.After(tablePoll):
		case <-ctx.Done():
			return fmt.Errorf("waiting for table %q to become active: %w", s.table, context.Cause(ctx))
		}
	}
}

// check refuses a table that is keyed in another way.
func (s *Store) check(t *types.TableDescription) error {
	same := func(schema []types.KeySchemaElement, names ...string) bool {
		if len(schema) != len(names) {
			return false
		}
		for i, name := range names {
			if aws.ToString(schema[i].AttributeName) != name {
				return false
			}
		}
		return true
	}
	if same(t.KeySchema, attrID) {
		for _, index := range t.GlobalSecondaryIndexes {
			if aws.ToString(index.IndexName) == indexName && same(index.KeySchema, attrListKey, attrListAt) {
				return nil
			}
		}
	}
	return &TableError{Table: s.table, Action: "dynamodb:DescribeTable", Reason: "it was not made for job records; name another table", Err: ErrSchema}
}
