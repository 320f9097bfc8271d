package dynamostore

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/internal/transition"
)

// write gathers the parts of one conditional write. Every name gets a placeholder, since many are words that DynamoDB
// reserves.
type write struct {
	names               map[string]string
	values              attributes
	sets, removes, adds []string
	quiet               bool // the caller has no use for the record
}

func newWrite() *write { return &write{names: map[string]string{}, values: attributes{}} }

func (w *write) name(attr string) string {
	w.names["#"+attr] = attr
	return "#" + attr
}

func (w *write) value(v types.AttributeValue) string {
	placeholder := ":v" + strconv.Itoa(len(w.values))
	w.values[placeholder] = v
	return placeholder
}

func (w *write) set(attr string, v types.AttributeValue) {
	w.sets = append(w.sets, w.name(attr)+" = "+w.value(v))
}

// setOnce sets what is not there yet.
func (w *write) setOnce(attr string, v types.AttributeValue) {
	name := w.name(attr)
	w.sets = append(w.sets, name+" = if_not_exists("+name+", "+w.value(v)+")")
}

// setText sets a text, or removes it where it is empty.
func (w *write) setText(attr, s string) {
	if s == "" {
		w.remove(attr)
		return
	}
	w.set(attr, text(s))
}

func (w *write) remove(attrs ...string) {
	for _, attr := range attrs {
		w.removes = append(w.removes, w.name(attr))
	}
}

func (w *write) add(attr string, n int64) {
	w.adds = append(w.adds, w.name(attr)+" "+w.value(number(n)))
}

// create sets what a record keeps for life, where there is no record.
func (w *write) create(id, task, queue string, enqueued time.Time) {
	w.setOnce(attrTask, text(task))
	w.setOnce(attrQueue, text(queue))
	w.setOnce(attrEnqueued, stamp(enqueued))
	w.setOnce(attrListAt, text(listAt(transition.Position{EnqueuedAt: enqueued, ID: id})))
}

func (w *write) state(id string, state results.State) {
	w.set(attrState, text(string(state)))
	w.set(attrListKey, text(listKey(id, state)))
}

func (w *write) changed(at, expires time.Time) {
	w.set(attrUpdated, stamp(at))
	w.set(attrExpires, number(expires.Unix()))
	w.add(attrRevision, 1)
}

// Conditions.

func (w *write) in(states ...results.State) string {
	list := make([]string, len(states))
	for i, state := range states {
		list[i] = w.value(text(string(state)))
	}
	return w.name(attrState) + " IN (" + strings.Join(list, ", ") + ")"
}

func (w *write) running(attempt int) string {
	return w.in(results.Running) + " AND " + w.name(attrAttempt) + " = " + w.value(number(int64(attempt)))
}

// since is the condition that there was no requeue since an attempt began.
func (w *write) since(requeues int) string {
	switch requeues {
	case results.RequeuesUnknown:
		return ""
	case 0:
		return " AND attribute_not_exists(" + w.name(attrRequeues) + ")"
	default:
		return " AND " + w.name(attrRequeues) + " = " + w.value(number(int64(requeues)))
	}
}

func (w *write) unexpired(now time.Time) string {
	return w.name(attrExpires) + " > " + w.value(number(now.Unix()))
}

func (w *write) expression() string {
	var parts []string
	for _, clause := range []struct {
		keyword string
		list    []string
	}{{"SET", w.sets}, {"REMOVE", w.removes}, {"ADD", w.adds}} {
		if len(clause.list) > 0 {
			parts = append(parts, clause.keyword+" "+strings.Join(clause.list, ", "))
		}
	}
	return strings.Join(parts, " ")
}

// update tries the write that is right for a record as it usually is. Where its condition fails, the answer brings the
// record as it is, and the step says what is to be done about it. That may begin again where another process was faster,
// each time one of them having got on, until ctx ends.
func (s *Store) update(ctx context.Context, id string, w *write, condition string, step transition.Step) (results.Record, error) {
	in := &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key(id), UpdateExpression: aws.String(w.expression()), ConditionExpression: &condition,
		ExpressionAttributeNames: w.names, ExpressionAttributeValues: w.values,
		ReturnValues: types.ReturnValueAllNew, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if w.quiet {
		in.ReturnValues = types.ReturnValueNone
	}
	out, err := s.api.UpdateItem(ctx, in)
	if err == nil {
		if w.quiet {
			return results.Record{}, nil
		}
		i, err := itemOf(out.Attributes)
		return i.Record, s.explain(err, "UpdateItem")
	}
	for failed, action := err, "UpdateItem"; ; action = "PutItem" {
		old, conflict, err := s.found(ctx, id, failed, action)
		if !conflict {
			return results.Record{}, err
		}
		var live *results.Record
		if old != nil {
			live = s.rules.Live(&old.Record)
		}
		next, write, told := step(live)
		if !write {
			return recordOr(next, told)
		}
		if failed = s.replace(ctx, old, next); failed == nil {
			return recordOr(next, told)
		}
	}
}

func recordOr(r results.Record, err error) (results.Record, error) {
	if err != nil {
		return results.Record{}, err
	}
	return r, nil
}

// found tells what is there where a condition failed; any other error is no conflict.
func (s *Store) found(ctx context.Context, id string, err error, action string) (old *item, conflict bool, _ error) {
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok {
		return nil, false, s.explain(err, action)
	}
	a := failed.Item
	if len(a) == 0 { // there is none, or the endpoint does not tell
		out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(id), ConsistentRead: aws.Bool(true)})
		if err != nil {
			return nil, false, s.explain(err, "GetItem")
		}
		a = out.Item
	}
	if len(a) == 0 {
		return nil, true, nil
	}
	i, err := itemOf(a)
	if err != nil {
		return nil, false, s.explain(err, "GetItem")
	}
	return &i, true, nil
}

// replace writes a record on the condition that it is still what it was.
func (s *Store) replace(ctx context.Context, old *item, next results.Record) error {
	w := newWrite()
	if old == nil {
		_, err := s.put(ctx, item{Record: next, revision: 1}, w, "attribute_not_exists("+w.name(attrID)+")")
		return err
	}
	condition := w.name(attrRevision) + " = " + w.value(number(old.revision))
	_, err := s.put(ctx, item{Record: next, revision: old.revision + 1}, w, condition)
	return err
}

func (s *Store) put(ctx context.Context, i item, w *write, condition string) (*dynamodb.PutItemOutput, error) {
	return s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: i.attributes(), ConditionExpression: &condition,
		ExpressionAttributeNames: w.names, ExpressionAttributeValues: nonEmpty(w.values),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
}

// nonEmpty is nil for an empty map, which DynamoDB refuses.
func nonEmpty(a attributes) attributes {
	if len(a) == 0 {
		return nil
	}
	return a
}
