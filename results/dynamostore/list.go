package dynamostore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/internal/transition"
)

const (
	// indexName is the table's index for listings.
	indexName = "listing"
	// filteredRead is how many records a query of one partition reads where a task is looked for among them.
	filteredRead = 200
	// maxFurther bounds the queries of one List beyond the first to each partition.
	maxFurther = 64
)

// A partition is read from the newest record on. What was read and not yet taken waits in ahead.
type partition struct {
	key   string
	ahead []item
	below string // what has been read so far is not below this
	done  bool
}

// List implements [results.Store].
func (s *Store) List(ctx context.Context, f results.Filter) (results.Page, error) {
	f, after, err := transition.CleanFilter(f)
	if err != nil {
		return results.Page{}, err
	}
	l := &listing{store: s, filter: f, now: s.rules.Now(), further: maxFurther}
	states := results.States()
	if f.State != "" {
		states = []results.State{f.State}
	}
	for _, state := range states {
		for shard := range shards {
			p := &partition{key: shardKey(state, shard)}
			if after != nil {
				p.below = listAt(*after)
			}
			l.partitions = append(l.partitions, p)
		}
	}
	if err := l.run(ctx); err != nil {
		return results.Page{}, err
	}
	return l.page(), nil
}

// listing merges the partitions of one List.
type listing struct {
	store      *Store
	filter     results.Filter
	now        time.Time
	partitions []*partition
	further    int // queries left beyond the first of each partition

	found []results.Record
	below string // where the work was given up; what is below it has not been looked at
}

// run takes the newest record of all partitions, again and again, until there is one more than a page has, no more, or
// too much work.
func (l *listing) run(ctx context.Context) error {
	for first := true; ; first = false {
		var dry []*partition
		for _, p := range l.partitions {
			if len(p.ahead) == 0 && !p.done {
				dry = append(dry, p)
			}
		}
		if !first {
			if len(dry) > l.further {
				l.giveUp(dry)
				return nil
			}
			l.further -= len(dry)
		}
		errs := make([]error, len(dry))
		each(len(dry), func(i int) { errs[i] = l.read(ctx, dry[i]) })
		if err := errors.Join(errs...); err != nil {
			return firstOf(errs)
		}
		if l.take(func(p *partition) bool { return len(p.ahead) == 0 && !p.done }) {
			return nil
		}
	}
}

// firstOf is one error of many that are likely the same.
func firstOf(errs []error) error {
	return errs[slices.IndexFunc(errs, func(err error) bool { return err != nil })]
}

// take moves records from the partitions to the listing, until stop says so of one of the partitions. It reports whether
// the listing is complete.
func (l *listing) take(stop func(*partition) bool) (complete bool) {
	for len(l.found) <= l.filter.Limit {
		if slices.ContainsFunc(l.partitions, stop) {
			return false
		}
		newest := l.newest()
		if newest == nil {
			return true
		}
		l.add(newest.ahead[0].Record)
		newest.ahead = newest.ahead[1:]
	}
	return true
}

func (l *listing) newest() *partition {
	var newest *partition
	for _, p := range l.partitions {
		if len(p.ahead) > 0 && (newest == nil || place(p.ahead[0]) > place(newest.ahead[0])) {
			newest = p
		}
	}
	return newest
}

func place(i item) string { return listAt(transition.PositionOf(i.Record)) }

// add appends a record. One that changed its state meanwhile may have been read from both partitions; they give it the
// same place, so the two follow each other.
func (l *listing) add(r results.Record) {
	if last := len(l.found) - 1; last >= 0 && l.found[last].ID == r.ID {
		if r.UpdatedAt.After(l.found[last].UpdatedAt) {
			l.found[last] = r
		}
		return
	}
	l.found = append(l.found, r)
}

// giveUp ends the listing at the newest place down to which some partition has not been read.
func (l *listing) giveUp(dry []*partition) {
	for _, p := range dry {
		l.below = max(l.below, p.below)
	}
	l.take(func(*partition) bool {
		newest := l.newest()
		return newest == nil || place(newest.ahead[0]) < l.below
	})
}

func (l *listing) page() results.Page {
	page := results.Page{Records: l.found}
	switch {
	case len(l.found) > l.filter.Limit:
		page.Records = l.found[:l.filter.Limit]
		page.Next = transition.PositionOf(page.Records[l.filter.Limit-1]).Cursor(l.filter)
	case l.below != "":
		page.Next = position(l.below).Cursor(l.filter)
	}
	if page.Records == nil {
		page.Records = []results.Record{}
	}
	return page
}

// position reads what listAt wrote.
func position(place string) transition.Position {
	digits, id, _ := strings.Cut(place, "#")
	ms, _ := strconv.ParseInt(digits, 10, 64) // digits, as they come from our own index
	return transition.Position{EnqueuedAt: time.UnixMilli(ms).UTC(), ID: id}
}

// read queries a partition once.
func (l *listing) read(ctx context.Context, p *partition) error {
	w := newWrite()
	keys := w.name(attrListKey) + " = " + w.value(text(p.key))
	if p.below != "" {
		keys += " AND " + w.name(attrListAt) + " < " + w.value(text(p.below))
	}
	filter, limit := w.unexpired(l.now), l.filter.Limit*2/shards+2 // records spread evenly, more or less
	if l.filter.Task != "" {
		filter += " AND " + w.name(attrTask) + " = " + w.value(text(l.filter.Task))
		limit = filteredRead
	}
	out, err := l.store.api.Query(ctx, &dynamodb.QueryInput{
		TableName: &l.store.table, IndexName: aws.String(indexName), ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(limit)),
		KeyConditionExpression: &keys, FilterExpression: &filter, ExpressionAttributeNames: w.names, ExpressionAttributeValues: w.values,
	})
	if err != nil {
		return l.store.explain(err, "Query")
	}
	for _, a := range out.Items {
		i, err := itemOf(a)
		if err != nil {
			return l.store.explain(err, "Query")
		}
		p.ahead = append(p.ahead, i)
	}
	last, more := out.LastEvaluatedKey[attrListAt].(*types.AttributeValueMemberS)
	if p.done = !more; more {
		p.below = last.Value
	}
	return nil
}
