package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/coretasks/core/schedules/ticker"
)

// Claims are items beside the records. They have no time to live and are in no index.
const (
	attrSettled = "settled_at"
	attrPending = "pending_at"
	attrOwner   = "owner"

	// claimPrefix has a space, which no job's ID has.
	claimPrefix = "schedule "
)

var _ ticker.Claims = (*Store)(nil)

// GetClaim implements [ticker.Claims].
func (s *Store) GetClaim(ctx context.Context, schedule string) (ticker.Claim, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(claimPrefix + schedule), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return ticker.Claim{}, s.explain(err, "GetItem")
	}
	return s.claimOf(schedule, out.Item)
}

// SwapClaim implements [ticker.Claims].
func (s *Store) SwapClaim(ctx context.Context, schedule string, revision int64, next ticker.Claim) (ticker.Claim, error) {
	next.Revision = revision + 1
	w := newWrite()
	condition := "attribute_not_exists(" + w.name(attrID) + ")"
	if revision > 0 {
		w = newWrite()
		condition = w.name(attrRevision) + " = " + w.value(number(revision))
	}
	a := key(claimPrefix + schedule)
	a[attrRevision] = number(next.Revision)
	for name, t := range map[string]time.Time{attrSettled: next.Settled, attrPending: next.Pending} {
		if !t.IsZero() {
			a[name] = stamp(t)
		}
	}
	if next.Owner != "" {
		a[attrOwner] = text(next.Owner)
	}
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: a, ConditionExpression: &condition,
		ExpressionAttributeNames: w.names, ExpressionAttributeValues: nonEmpty(w.values),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	failed, conflict := errors.AsType[*types.ConditionalCheckFailedException](err)
	switch {
	case conflict && len(failed.Item) == 0: // there is none, or the endpoint does not tell
		return s.GetClaim(ctx, schedule)
	case conflict:
		return s.claimOf(schedule, failed.Item)
	case err != nil:
		return ticker.Claim{}, s.explain(err, "PutItem")
	}
	return next, nil
}

func (s *Store) claimOf(schedule string, a attributes) (ticker.Claim, error) {
	d := decoder{a: a}
	c := ticker.Claim{Settled: d.time(attrSettled), Pending: d.time(attrPending), Owner: d.text(attrOwner), Revision: d.number(attrRevision)}
	if d.err != nil {
		return ticker.Claim{}, s.explain(fmt.Errorf("claim of schedule %q: %w", schedule, d.err), "GetItem")
	}
	return c, nil
}
