package sqlitestore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/coretasks/core/schedules/ticker"
)

var _ ticker.Claims = (*Store)(nil)

const getClaim = "SELECT reached_at, pending, revision FROM claims WHERE schedule = ?"

// GetClaim implements [ticker.Claims].
func (s *Store) GetClaim(ctx context.Context, schedule string) (ticker.Claim, error) {
	f, done, err := s.use()
	if err != nil {
		return ticker.Claim{}, err
	}
	defer done()
	c, err := scanClaim(f.reader.QueryRowContext(ctx, getClaim, schedule))
	return c, s.explain(err)
}

// SwapClaim implements [ticker.Claims].
func (s *Store) SwapClaim(ctx context.Context, schedule string, revision int64, next ticker.Claim) (ticker.Claim, error) {
	next.Revision = revision + 1
	swap := &claimSwap{schedule: schedule, next: next}
	if err := s.calls.Do(ctx, &call{swap: swap}); err != nil {
		return ticker.Claim{}, s.explain(err)
	}
	return swap.found, nil
}

// A claimSwap is a claim that waits for its commit, and what was there in the end.
type claimSwap struct {
	schedule    string
	next, found ticker.Claim
}

func (f *file) swapClaim(ctx context.Context, c *claimSwap) (err error) {
	if c.found, err = scanClaim(f.stmts.getClaim.QueryRowContext(ctx, c.schedule)); err != nil || c.found.Revision != c.next.Revision-1 {
		return err
	}
	pending, err := c.next.Pending.MarshalText()
	if err == nil {
		_, err = f.stmts.putClaim.ExecContext(ctx, c.schedule, milli(c.next.Reached), string(pending), c.next.Revision)
	}
	c.found = c.next
	return err
}

func scanClaim(from row) (ticker.Claim, error) {
	var c ticker.Claim
	var reached int64
	var pending string
	err := scanError(from.Scan(&reached, &pending, &c.Revision))
	if errors.Is(err, sql.ErrNoRows) {
		return ticker.Claim{}, nil
	}
	if err == nil {
		if wrong := c.Pending.UnmarshalText([]byte(pending)); wrong != nil {
			err = &valueError{"the pending ticks of a schedule are not JSON: " + wrong.Error()}
		}
	}
	c.Reached = fromMilli(reached)
	return c, err
}
