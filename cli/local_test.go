package cli_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/mainjob"
)

// core local is as strict about a deleted queue's name as SQS where it is asked to be.
func TestLocalReservesNames(t *testing.T) {
	t.Parallel()
	for _, reserve := range []bool{false, true} {
		t.Run(fmt.Sprint(reserve), func(t *testing.T) {
			t.Parallel()
			w := mainjob.New(t)
			w.Start(t, "serving SQS", "local", fmt.Sprintf("--reserve-names=%t", reserve))
			api, _ := w.API()
			create := func() (*sqs.CreateQueueOutput, error) {
				return api.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
			}
			out, err := create()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := api.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl}); err != nil {
				t.Fatal(err)
			}
			_, err = create()
			if recently := new(types.QueueDeletedRecently); errors.As(err, &recently) != reserve || err != nil && !reserve {
				t.Errorf("%v", err)
			}
		})
	}
}

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
