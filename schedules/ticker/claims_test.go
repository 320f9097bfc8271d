package ticker_test

import (
	"testing"

	"github.com/coretasks/core/internal/claimtest"
	"github.com/coretasks/core/schedules/ticker"
)

func TestClaimsInMemory(t *testing.T) {
	t.Parallel()
	claimtest.Run(t, func(*testing.T) claimtest.Open {
		shared := ticker.NewMemory()
		return func(testing.TB) ticker.Claims { return shared }
	})
}
