package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/coretasks/core/schedules/ticker"
)

// Claims are items beside the records. They have no time to live and are in no index.
const (
	attrReached = "reached_at"
	attrPending = "pending"

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
	if !next.Reached.IsZero() {
		a[attrReached] = stamp(next.Reached)
	}
	pending, err := next.Pending.MarshalText()
	if err != nil {
		return ticker.Claim{}, s.explain(err, "PutItem")
	}
	if len(pending) > 0 {
		a[attrPending] = text(string(pending))
	}
	_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
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
	c := ticker.Claim{Reached: d.time(attrReached), Revision: d.number(attrRevision)}
	if c.Pending.UnmarshalText([]byte(d.text(attrPending))) != nil {
		d.wrong(attrPending)
	}
	if err := d.err; err != nil {
		return ticker.Claim{}, s.explain(fmt.Errorf("claim of schedule %q: %w", schedule, err), "GetItem")
	}
	return c, nil
}
