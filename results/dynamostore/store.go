// Package dynamostore keeps job records in a DynamoDB table, which [CreateTable] makes.
//
// # What a job costs
//
// Each transition is one conditional UpdateItem or PutItem, without a read. The table has one index, for listings, and
// DynamoDB writes a change there too: once, or twice where the state changes, as that is part of the index's key. In write
// units, for records up to 1 KB:
//
//	Enqueue        2    one request for each job
//	Start          3
//	Progress       2
//	End            3    and one for each further KB of result
//	final states only (an End that makes the record)   2
//
// So a job that is enqueued, started and ended costs 3 requests and 8 units. A transition that finds a record as it seldom
// is (a late or duplicate delivery, an expired record, a running job that is cancelled) costs one more request: the first
// fails, and answers with the record; where that needs a change it is written on the condition that nobody was faster.
// Requeue is one request for a dead job. Cancel is one request for a queued or retrying job and two for a running one. Deletion by time to live is free.
//
// Get is one strongly consistent read. CancelRequested is one BatchGetItem for each 100 jobs, half a unit for each.
//
// # Listings
//
// The index is keyed by state and one of 8 shards, chosen by the job's ID, and sorted by time: no single partition takes
// all writes, and each shard takes some 500 jobs a second. A listing asks the 8 partitions of its state, or the 48 of all
// states, at once and merges what they answer: from 4 read units a page with a state, 24 without. Nothing but the task
// is filtered after reading: among 100,000 succeeded jobs, a page of a task that has few of them reads past many
// records (about one unit for each 30). One List reads at most some 12,000 records past, and then returns a page
// with what it found and the cursor to go on.
//
// Listings are eventually consistent: a change shows up after some milliseconds. Everything else is consistent.
package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/coretasks/core/internal/awsclient"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/internal/transition"
)

// API are the methods of *dynamodb.Client that a [Store] calls. Throttled requests are retried by the client, as it is
// configured, for as long as a call's context allows.
type API interface {
	GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// requestTimeout bounds one request: an answer takes milliseconds, and a job waits for it.
const requestTimeout = 10 * time.Second

// NewAPI returns a client that is set up for many small concurrent requests: connections are kept, and a request takes
// 10 s at most. It is retried as cfg says. An HTTP client of the configuration's own stays in use.
func NewAPI(cfg aws.Config, opts ...func(*dynamodb.Options)) *dynamodb.Client {
	setUp := func(o *dynamodb.Options) { o.HTTPClient = awsclient.HTTP(cfg.HTTPClient, requestTimeout) }
	return dynamodb.NewFromConfig(cfg, append([]func(*dynamodb.Options){setUp}, opts...)...)
}

// Options set up a [Store]; the zero value is ready to use.
type Options struct {
	// Retention is how long a record is kept after its last change. Default [results.DefaultRetention].
	Retention time.Duration
	// Now is the clock by which records expire. Default time.Now.
	Now func() time.Time
}

// MaxResult is the largest result, in bytes of JSON, that a record has room for: DynamoDB's limit of 400 KB for an item,
// less what the rest of a record may take. A job whose result is larger succeeds without one, and its Error says so.
const MaxResult = 400<<10 - 8<<10

// inFlight is how many requests one call makes at once.
const inFlight = 16

// A Store is a [results.Store] in a table. Make one with [New].
type Store struct {
	api   API
	table string
	rules transition.Rules
}

var _ results.Store = (*Store)(nil)

// New returns a store on a table. Nothing is asked of DynamoDB yet; Ping does.
func New(api API, table string, opts Options) *Store {
	return &Store{api: api, table: table, rules: transition.Rules{Retention: opts.Retention, Now: opts.Now}.WithDefaults()}
}

// Enqueue implements [results.Store]. It sends one PutItem for each record, 16 at a time: BatchWriteItem takes no
// conditions, and so would overwrite the record of a job whose worker was faster; TransactWriteItems costs twice as much
// and fails as a whole.
func (s *Store) Enqueue(ctx context.Context, records []results.Record) []error {
	errs := make([]error, len(records))
	each(len(records), func(i int) {
		r, err := s.rules.CleanRecord(records[i])
		if err == nil {
			err = s.enqueue(ctx, r)
		}
		errs[i] = err
	})
	for _, err := range errs {
		if err != nil {
			return errs
		}
	}
	return nil
}

func (s *Store) enqueue(ctx context.Context, r results.Record) error {
	w := newWrite()
	condition := "attribute_not_exists(" + w.name(attrID) + ") OR NOT " + w.unexpired(s.rules.Now())
	_, err := s.put(ctx, item{Record: r, revision: 1}, w, condition)
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return nil // there is a record
	}
	return s.explain(err, "PutItem")
}

// each calls do for 0 to n-1, a bounded number at a time, and waits for all.
func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, inFlight)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wg.Wait()
}

// Start implements [results.Store].
func (s *Store) Start(ctx context.Context, start results.Start) (results.Record, error) {
	start, err := s.rules.CleanStart(start)
	if err != nil {
		return results.Record{}, err
	}
	w := newWrite()
	w.create(start.ID, start.Task, start.Queue, start.EnqueuedAt)
	w.state(start.ID, results.Running)
	w.set(attrAttempt, number(int64(start.Attempt)))
	w.set(attrStarted, stamp(start.At))
	w.set(attrStartToken, number(start.Token))
	w.set(attrProgress, number(0))
	w.remove(attrRetry, attrProgressText)
	w.add(attrRuns, 1)
	w.changed(start.At, s.rules.Expires(start.At))
	// The usual: there is no record, or one of an older attempt that may be followed by this one.
	condition := "attribute_not_exists(" + w.name(attrID) + ") OR (" + w.in(results.Queued, results.Retrying, results.Running) +
		" AND attribute_not_exists(" + w.name(attrCancel) + ") AND " + w.name(attrAttempt) + " < " + w.value(number(int64(start.Attempt))) +
		" AND " + w.unexpired(s.rules.Now()) + ")"
	return s.update(ctx, start.ID, w, condition, s.rules.Start(start))
}

// Progress implements [results.Store].
func (s *Store) Progress(ctx context.Context, id string, attempt int, fraction float64, text string, at time.Time) error {
	if !transition.ValidID(id) {
		return &results.NotFoundError{ID: id}
	}
	p := s.rules.CleanProgress(transition.Progress{ID: id, Attempt: attempt, Fraction: fraction, Text: text, At: at})
	w := newWrite()
	w.set(attrProgress, float(p.Fraction))
	w.setText(attrProgressText, p.Text)
	w.changed(p.At, s.rules.Expires(p.At))
	_, err := s.update(ctx, id, w, w.running(attempt)+" AND "+w.unexpired(s.rules.Now()), s.rules.Progress(p))
	return err
}

// End implements [results.Store].
func (s *Store) End(ctx context.Context, end results.End) error {
	end, err := s.rules.CleanEnd(end)
	if err != nil {
		return err
	}
	if n := len(end.Result); n > 0 && n+len(end.Error) > MaxResult {
		end.Error = fmt.Sprintf("the result has %d bytes, more than the %d that a DynamoDB record has room for; it was not kept", n, MaxResult)
		end.Result = nil
	}
	w := newWrite()
	w.state(end.ID, end.State)
	w.changed(end.At, s.rules.Expires(end.At))
	var condition string
	switch now := s.rules.Now(); {
	case end.State.Final():
		condition = w.endFinal(end, now)
	case end.State == results.Retrying:
		w.set(attrRetry, stamp(end.RetryAt))
		w.setText(attrReason, end.Reason)
		w.setText(attrError, end.Error)
		condition = w.running(end.Attempt) + w.since(end.Requeues) + " AND " + w.unexpired(now)
	default:
		w.add(attrRuns, -1)
		w.remove(attrRetry)
		condition = w.running(end.Attempt) + w.since(end.Requeues) + " AND " + w.unexpired(now)
	}
	w.quiet = true
	_, err = s.update(ctx, end.ID, w, condition, s.rules.End(end))
	return err
}

// endFinal describes the usual: a final state of the latest attempt, or of a job without a record.
func (w *write) endFinal(end results.End, now time.Time) (condition string) {
	w.create(end.ID, end.Task, end.Queue, end.EnqueuedAt)
	w.setOnce(attrAttempt, number(int64(end.Attempt)))
	w.setOnce(attrRuns, number(1))
	w.setOnce(attrProgress, number(0))
	w.set(attrFinished, stamp(end.At))
	w.remove(attrRetry, attrCancel)
	w.setText(attrResult, string(end.Result))
	w.setText(attrReason, end.Reason)
	w.setText(attrError, end.Error)
	var latest string // one of the two: a value that no expression uses is refused
	if end.State == results.Succeeded {
		latest = " >= " + w.value(number(int64(end.Attempt)))
	} else {
		latest = " = " + w.value(number(int64(end.Attempt))) + w.since(end.Requeues)
	}
	return "attribute_not_exists(" + w.name(attrID) + ") OR (" + w.in(results.Queued, results.Retrying, results.Running) +
		" AND " + w.name(attrAttempt) + latest + " AND " + w.unexpired(now) + ")"
}

// Cancel implements [results.Store].
func (s *Store) Cancel(ctx context.Context, id string, at time.Time) (results.Record, error) {
	if !transition.ValidID(id) {
		return results.Record{}, &results.NotFoundError{ID: id}
	}
	at = s.rules.CleanTime(at)
	w := newWrite()
	w.state(id, results.Cancelled)
	w.set(attrFinished, stamp(at))
	w.remove(attrRetry, attrCancel)
	w.changed(at, s.rules.Expires(at))
	condition := w.in(results.Queued, results.Retrying) + " AND " + w.unexpired(s.rules.Now())
	return s.update(ctx, id, w, condition, s.rules.Cancel(id, at))
}

// Requeue implements [results.Store].
func (s *Store) Requeue(ctx context.Context, q results.Requeue) (results.Record, error) {
	if !transition.ValidID(q.ID) {
		return results.Record{}, &results.NotFoundError{ID: q.ID}
	}
	q = s.rules.CleanRequeue(q)
	w := newWrite()
	w.state(q.ID, results.Queued)
	for _, attr := range []string{attrAttempt, attrRuns, attrProgress} {
		w.set(attr, number(0))
	}
	w.add(attrRequeues, 1)
	w.remove(attrStarted, attrFinished, attrRetry, attrCancel, attrProgressText, attrResult, attrReason)
	w.changed(q.At, s.rules.Expires(q.At))
	return s.update(ctx, q.ID, w, w.in(results.Dead)+" AND "+w.unexpired(s.rules.Now()), s.rules.Requeue(q))
}

// Ping implements [results.Store]: it reads a record that is not there.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key("-")})
	return s.explain(err, "GetItem")
}

// Close implements [results.Store]; there is nothing to give back.
func (s *Store) Close() error { return nil }
