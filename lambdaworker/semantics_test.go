package lambdaworker_test

import (
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/internal/semantics"
)

// TestSemanticsInProcess runs the suite with the handler in process, with fake time.
func TestSemanticsInProcess(t *testing.T) {
	t.Parallel()
	semantics.Run(t, semantics.Backend{
		FakeTime:   true,
		Visibility: semantics.FunctionVisibility,
		Run: func(t *testing.T, test func(*testing.T, semantics.Env)) {
			synctest.Test(t, func(t *testing.T) {
				api := open(t).SQS()
				test(t, semantics.Lambda(t, api, "sem-", semantics.InProcess(api)))
			})
		},
	})
}

// TestSemanticsBootstrap runs it with the binary that is deployed, over the Runtime API.
func TestSemanticsBootstrap(t *testing.T) {
	t.Parallel()
	binary := semantics.Build(t)
	semantics.Run(t, semantics.Backend{
		Visibility: semantics.FunctionVisibility,
		Run: func(t *testing.T, test func(*testing.T, semantics.Env)) {
			t.Helper()
			em := open(t)
			server := httptest.NewServer(em.Handler())
			t.Cleanup(server.Close)
			test(t, semantics.Lambda(t, em.SQS(), "sem-", semantics.Bootstrap(binary, server.URL)))
		},
	})
}

// open starts an emulator that ends with the test.
func open(t testing.TB) *emulator.Emulator {
	t.Helper()
	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	})
	return em
}
