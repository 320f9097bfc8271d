package cli_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coretasks/core/internal/mainjob"
)

// What core local lets through: names that were allowed, and headers of a sensible size.
func TestLocalGuardsItsEndpoint(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	w.Start(t, "serving SQS", "local", "--allow-remote", "--allow-host", "queue")
	api, _ := w.API()
	address := *api.Options().BaseEndpoint
	for name, tc := range map[string]struct {
		host, padding string
		status        int
	}{
		"an allowed name": {host: "queue:4560", status: http.StatusOK},
		"any other name":  {host: "evil.example:4560", status: http.StatusForbidden},
		"an address":      {host: "172.17.0.2:4560", status: http.StatusOK},
		"a large header":  {host: "queue:4560", padding: strings.Repeat("x", 48<<10), status: http.StatusRequestHeaderFieldsTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			request.Host = tc.host
			request.Header.Set("X-Amz-Target", "AmazonSQS.ListQueues")
			request.Header.Set("Content-Type", "application/x-amz-json-1.0")
			if tc.padding != "" {
				request.Header.Set("X-Padding", tc.padding)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != tc.status {
				t.Errorf("%s, want %d", response.Status, tc.status)
			}
		})
	}
}
