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

// TableAPI are the methods of *dynamodb.Client that [CreateTable] and [CheckTable] call.
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
// but for its time to live, which is switched on. It returns what it has done, in words; nothing where all was well.
func CreateTable(ctx context.Context, api TableAPI, table string) (done []string, err error) {
	s := &Store{table: table}
	_, err = api.CreateTable(ctx, TableInput(table))
	if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists {
		return nil, s.explain(err, "CreateTable")
	} else if !exists {
		done = append(done, "created the table, on demand")
	}
	if err := s.await(ctx, api); err != nil {
		return done, err
	}
	expires, err := s.expires(ctx, api)
	if expires || err != nil {
		return done, err
	}
	_, err = api.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(attrExpires), Enabled: aws.Bool(true)},
	})
	if err != nil {
		return done, s.explain(err, "UpdateTimeToLive")
	}
	return append(done, "switched on its time to live, by "+attrExpires), nil
}

// CheckTable looks whether a table can be used. A time to live that is off is [ErrKeepsAll]; it is the only thing wrong then.
func CheckTable(ctx context.Context, api TableAPI, table string) error {
	s := &Store{table: table}
	out, err := api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return s.explain(err, "DescribeTable")
	}
	if err := s.check(out.Table); err != nil {
		return err
	}
	expires, err := s.expires(ctx, api)
	if err == nil && !expires {
		err = &TableError{
			Table: table, Action: "dynamodb:DescribeTimeToLive", Err: ErrKeepsAll,
			Reason: "its time to live by " + attrExpires + " is off, so expired records are kept and paid for",
		}
	}
	return err
}

// expires reports whether the time to live is on.
func (s *Store) expires(ctx context.Context, api TableAPI) (bool, error) {
	ttl, err := api.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &s.table})
	if err != nil {
		return false, s.explain(err, "DescribeTimeToLive")
	}
	d := ttl.TimeToLiveDescription
	return d != nil && aws.ToString(d.AttributeName) == attrExpires &&
		(d.TimeToLiveStatus == types.TimeToLiveStatusEnabled || d.TimeToLiveStatus == types.TimeToLiveStatusEnabling), nil
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
