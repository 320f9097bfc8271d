package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/internal/transition"
)

// columns are those that scan reads, before the result.
const columns = `id, task, queue, state, attempt, runs, requeues, cancel, enqueued_at, started_at, start_token, retry_at, finished_at,
	updated_at, expires_at, progress, progress_text, reason, error`

type row interface{ Scan(to ...any) error }

func scan(from row, withResult bool) (results.Record, error) {
	var r results.Record
	var enqueued, started, retry, finished, updated, expires int64
	var result []byte
	to := []any{
		&r.ID, &r.Task, &r.Queue, &r.State, &r.Attempt, &r.Runs, &r.Requeues, &r.CancelRequested, &enqueued, &started, &r.StartToken, &retry, &finished,
		&updated, &expires, &r.Progress, &r.ProgressText, &r.Reason, &r.Error,
	}
	if withResult {
		to = append(to, &result)
	}
	if err := scanError(from.Scan(to...)); err != nil {
		return results.Record{}, err
	}
	// What could not be written as JSON would fail a whole listing where it is shown.
	switch {
	case !(r.Progress >= 0 && r.Progress <= 1):
		return results.Record{}, &valueError{fmt.Sprintf("the progress of job %q is %v", r.ID, r.Progress)}
	case len(result) > 0 && !json.Valid(result):
		return results.Record{}, &valueError{fmt.Sprintf("the result of job %q is not JSON", r.ID)}
	}
	for _, ms := range []int64{enqueued, started, retry, finished, updated, expires} {
		if ms < 0 || ms > maxMilli {
			return results.Record{}, &valueError{fmt.Sprintf("job %q has the time %d", r.ID, ms)}
		}
	}
	if len(result) > 0 {
		r.Result = result
	}
	r.EnqueuedAt, r.StartedAt, r.RetryAt, r.FinishedAt = fromMilli(enqueued), fromMilli(started), fromMilli(retry), fromMilli(finished)
	r.UpdatedAt, r.ExpiresAt = fromMilli(updated), fromMilli(expires)
	return r, nil
}

// scanJob reads the record of a job. The row is found by an index, which need not agree with it in a file that is damaged.
func scanJob(from row, id string) (results.Record, error) {
	r, err := scan(from, true)
	if err == nil && r.ID != id {
		err = &valueError{fmt.Sprintf("the index leads from job %q to job %q", id, r.ID)}
	}
	return r, err
}

// maxMilli is the end of the year 9999, beyond which RFC 3339, and so JSON, has no times.
const maxMilli = 253_402_300_799_999

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Get implements [results.Store].
func (s *Store) Get(ctx context.Context, id string) (results.Record, error) {
	f, done, err := s.use()
	if err != nil {
		return results.Record{}, err
	}
	defer done()
	r, err := scanJob(f.reader.QueryRowContext(ctx, "SELECT "+columns+", result FROM jobs WHERE id = ?", id), id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && s.rules.Live(&r) == nil {
		return results.Record{}, &results.NotFoundError{ID: id}
	}
	if err != nil {
		return results.Record{}, s.explain(err)
	}
	return r, nil
}

// CancelRequested implements [results.Store].
func (s *Store) CancelRequested(ctx context.Context, ids []string) (map[string]bool, error) {
	requested := map[string]bool{}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	f, done, err := s.use()
	if err != nil {
		return nil, err
	}
	defer done()
	rows, err := f.reader.QueryContext(ctx,
		"SELECT id FROM jobs WHERE id IN (SELECT value FROM json_each(?)) AND (cancel OR state = 'cancelled') AND expires_at > ?", string(list), s.rules.Now().UnixMilli())
	if err != nil {
		return nil, s.explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, s.explain(err)
		}
		requested[id] = true
	}
	if err := rows.Err(); err != nil {
		return nil, s.explain(err)
	}
	return requested, nil
}

// List implements [results.Store].
func (s *Store) List(ctx context.Context, f results.Filter) (results.Page, error) {
	f, after, err := transition.CleanFilter(f)
	if err != nil {
		return results.Page{}, err
	}
	query, args := listQuery(f, after, s.rules.Now())
	opened, done, err := s.use()
	if err != nil {
		return results.Page{}, err
	}
	defer done()
	rows, err := opened.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return results.Page{}, s.explain(err)
	}
	defer rows.Close()
	page := results.Page{Records: []results.Record{}}
	for rows.Next() {
		r, err := scan(rows, false)
		if err != nil {
			return results.Page{}, s.explain(err)
		}
		if len(page.Records) == f.Limit { // one more than asked for: there is a next page
			page.Next = transition.PositionOf(page.Records[f.Limit-1]).Cursor(f)
			break
		}
		page.Records = append(page.Records, r)
	}
	if err := rows.Err(); err != nil {
		return results.Page{}, s.explain(err)
	}
	return page, nil
}

// listQuery asks for one record more than a page has. Each combination of filters has an index in the order of the
// listing, so that only the page is read.
func listQuery(f results.Filter, after *transition.Position, now time.Time) (string, []any) {
	where, args := []string{"+expires_at > ?"}, []any{now.UnixMilli()} // the + keeps the index by expiry out of it
	if f.Task != "" {
		where, args = append(where, "task = ?"), append(args, f.Task)
	}
	if f.State != "" {
		where, args = append(where, "state = ?"), append(args, string(f.State))
	}
	if after != nil {
		where, args = append(where, "(enqueued_at, id) < (?, ?)"), append(args, after.EnqueuedAt.UnixMilli(), after.ID)
	}
	query := "SELECT " + columns + " FROM jobs WHERE " + strings.Join(where, " AND ") +
		" ORDER BY enqueued_at DESC, id DESC LIMIT ?"
	return query, append(args, f.Limit+1)
}
