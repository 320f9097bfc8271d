package ticker

import (
	"context"

	"github.com/coretasks/core/internal/guard"
)

// heldClaims are claims of the program's own, whose panic is an error: the schedules run in goroutines of this
// package, where nobody else would hold it.
type heldClaims struct{ Claims }

func (h heldClaims) GetClaim(ctx context.Context, schedule string) (c Claim, err error) {
	err = guard.Try(func() (err error) {
		c, err = h.Claims.GetClaim(ctx, schedule)
		return err
	})
	return c, err
}

func (h heldClaims) SwapClaim(ctx context.Context, schedule string, revision int64, next Claim) (c Claim, err error) {
	err = guard.Try(func() (err error) {
		c, err = h.Claims.SwapClaim(ctx, schedule, revision, next)
		return err
	})
	return c, err
}
