package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/coretasks/core/results"
)

// Expired records are deleted by the commits of whoever writes: at most sweepRows in one, and, once there are no more,
// not again for sweepEvery.
const (
	sweepEvery = time.Minute
	sweepRows  = 200
)

// statements are the prepared statements of the writer.
type statements struct {
	get, insert, update, sweep *sql.Stmt
	getClaim, putClaim         *sql.Stmt
}

func (p *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	for _, q := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&p.get, "SELECT " + columns + ", result FROM jobs WHERE id = ?"},
		{&p.insert, "INSERT OR REPLACE INTO jobs (" + columns + ", result) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
		{&p.update, `UPDATE jobs SET state=?, attempt=?, runs=?, requeues=?, cancel=?, started_at=?, start_token=?, retry_at=?, finished_at=?,
			updated_at=?, expires_at=?, progress=?, progress_text=?, reason=?, error=?, result=? WHERE id=?`},
		{&p.sweep, "DELETE FROM jobs WHERE rowid IN (SELECT rowid FROM jobs WHERE expires_at <= ? LIMIT ?)"},
		{&p.getClaim, getClaim},
		{&p.putClaim, "INSERT OR REPLACE INTO claims (schedule, reached_at, pending, revision) VALUES (?,?,?,?)"},
	} {
		stmt, err := conn.PrepareContext(ctx, q.query) //nolint:sqlclosecheck // closed by close
		if err != nil {
			return err
		}
		*q.to = stmt
	}
	return nil
}

func (p *statements) close() {
	for _, stmt := range []*sql.Stmt{p.get, p.insert, p.update, p.sweep, p.getClaim, p.putClaim} {
		if stmt != nil {
			_ = stmt.Close() // the database reports what goes wrong
		}
	}
}

// commit carries out a group of calls together, or none of them.
func (s *Store) commit(ctx context.Context, calls []*call) []error {
	f, done, err := s.use()
	if err == nil {
		err = s.transact(ctx, f, calls)
		done()
	}
	errs := make([]error, len(calls))
	for i, c := range calls {
		errs[i] = err
		if err == nil {
			errs[i] = c.damage
		}
	}
	return errs
}

func (s *Store) transact(ctx context.Context, f *file, calls []*call) error {
	if _, err := f.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := s.carryOut(ctx, f, calls)
	if err == nil {
		_, err = f.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil { // SQLite may have rolled back already
		_, _ = f.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

func (s *Store) carryOut(ctx context.Context, f *file, calls []*call) error {
	for _, c := range calls {
		if c.swap != nil {
			if err := c.damaged(f.swapClaim(ctx, c.swap)); err != nil {
				return err
			}
			continue
		}
		old, err := scanJob(f.stmts.get.QueryRowContext(ctx, c.id), c.id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			if err := c.damaged(err); err != nil {
				return err
			}
			continue
		}
		live := &old
		if err != nil {
			live = nil
		}
		live = s.rules.Live(live)
		var write bool
		if c.record, write, c.told = c.step(live); !write {
			continue
		}
		if err := f.put(ctx, c.record, live == nil); err != nil {
			return err
		}
	}
	return s.sweep(ctx, f)
}

// damaged keeps the error of a row that can't be read for the call that wants the row: others of the commit go on.
func (c *call) damaged(err error) error {
	if _, ok := errors.AsType[*valueError](err); ok {
		c.damage, err = err, nil
	}
	return err
}

// put writes a record; one that is new, or takes the place of one that has expired, whole.
func (f *file) put(ctx context.Context, r results.Record, whole bool) error {
	result := []byte(r.Result)
	if whole {
		_, err := f.stmts.insert.ExecContext(ctx, r.ID, r.Task, r.Queue, string(r.State), r.Attempt, r.Runs, r.Requeues, r.CancelRequested,
			milli(r.EnqueuedAt), milli(r.StartedAt), r.StartToken, milli(r.RetryAt), milli(r.FinishedAt), milli(r.UpdatedAt), milli(r.ExpiresAt),
			r.Progress, r.ProgressText, r.Reason, r.Error, result)
		return err
	}
	_, err := f.stmts.update.ExecContext(ctx, string(r.State), r.Attempt, r.Runs, r.Requeues, r.CancelRequested,
		milli(r.StartedAt), r.StartToken, milli(r.RetryAt), milli(r.FinishedAt), milli(r.UpdatedAt), milli(r.ExpiresAt),
		r.Progress, r.ProgressText, r.Reason, r.Error, result, r.ID)
	return err
}

// sweep deletes some of the records that have expired.
func (s *Store) sweep(ctx context.Context, f *file) error {
	now := s.rules.Now()
	if now.Before(s.nextSweep) {
		return nil
	}
	done, err := f.stmts.sweep.ExecContext(ctx, now.UnixMilli(), sweepRows)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == sweepRows {
		return err
	}
	s.nextSweep = now.Add(sweepEvery)
	return nil
}

// milli is a time as the file has it; 0 is one that has not come.
func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
