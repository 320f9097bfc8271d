package dynamostore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/internal/transition"
)

// Get implements [results.Store].
func (s *Store) Get(ctx context.Context, id string) (results.Record, error) {
	if !transition.ValidID(id) {
		return results.Record{}, &results.NotFoundError{ID: id}
	}
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(id), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return results.Record{}, s.explain(err, "GetItem")
	}
	if len(out.Item) == 0 {
		return results.Record{}, &results.NotFoundError{ID: id}
	}
	i, err := itemOf(out.Item)
	if err != nil {
		return results.Record{}, s.explain(err, "GetItem")
	}
	if s.rules.Live(&i.Record) == nil {
		return results.Record{}, &results.NotFoundError{ID: id}
	}
	return i.Record, nil
}

// maxBatch is how many items one BatchGetItem may ask for.
const maxBatch = 100

// CancelRequested implements [results.Store].
func (s *Store) CancelRequested(ctx context.Context, ids []string) (map[string]bool, error) {
	seen, keys := map[string]bool{}, []attributes{}
	for _, id := range ids {
		if !seen[id] && transition.ValidID(id) { // BatchGetItem refuses what is asked for twice
			seen[id] = true
			keys = append(keys, key(id))
		}
	}
	var (
		mu        sync.Mutex
		requested = map[string]bool{}
		failed    error
	)
	each((len(keys)+maxBatch-1)/maxBatch, func(n int) {
		found, err := s.requested(ctx, keys[n*maxBatch:min((n+1)*maxBatch, len(keys))])
		mu.Lock()
		defer mu.Unlock()
		failed = errors.Join(failed, err)
		for _, id := range found {
			requested[id] = true
		}
	})
	if failed != nil {
		return nil, failed
	}
	return requested, nil
}

// requested asks for one batch, and again for what DynamoDB leaves out when it is busy.
func (s *Store) requested(ctx context.Context, keys []attributes) (ids []string, err error) {
	w := newWrite()
	projection := w.name(attrID) + ", " + w.name(attrCancel) + ", " + w.name(attrState) + ", " + w.name(attrExpires)
	for pause := 25 * time.Millisecond; len(keys) > 0; pause = min(2*pause, time.Second) {
		out, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			s.table: {Keys: keys, ProjectionExpression: &projection, ExpressionAttributeNames: w.names},
		}})
		if err != nil {
			return nil, s.explain(err, "BatchGetItem")
		}
		for _, a := range out.Responses[s.table] {
			i, err := itemOf(a)
			if err != nil {
				return nil, s.explain(err, "BatchGetItem")
			}
			if (i.CancelRequested || i.State == results.Cancelled) && s.rules.Live(&i.Record) != nil {
				ids = append(ids, i.ID)
			}
		}
		if keys = out.UnprocessedKeys[s.table].Keys; len(keys) == 0 {
			break
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return ids, nil
}
