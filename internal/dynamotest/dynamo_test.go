// Package dynamotest runs the suite of job records on DynamoDB's stand-ins: AWS's own DynamoDB Local, and MiniStack. The
// suites are together here so that 'go test ./...', which has neither, says "no tests to run" of this package, and what was
// left out is plain to see.
package dynamotest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"

	"github.com/coretasks/core/internal/claimtest"
	"github.com/coretasks/core/internal/mainjob"
	"github.com/coretasks/core/internal/resulttest"
	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/dynamostore"
	"github.com/coretasks/core/schedules/ticker"
)

// A service is a stand-in for DynamoDB, with the variable that holds its endpoint URL.
type service struct{ name, variable, script string }

var (
	dynamoDBLocal = service{"DynamoDB Local", "CORE_TEST_DYNAMODB_LOCAL", "scripts/dynamodb-local"}
	miniStack     = service{"MiniStack", "CORE_TEST_MINISTACK", "scripts/ministack"}
)

func TestMain(m *testing.M) {
	mainjob.Main()
	testenv.Main(m, fmt.Sprintf("job records on DynamoDB's stand-ins; run make test, or %s=$(%s up) %s=$(%s up) go test ./...",
		dynamoDBLocal.variable, dynamoDBLocal.script, miniStack.variable, miniStack.script),
		dynamoDBLocal.variable, miniStack.variable)
}

// client returns a client of the service that was announced; without one the test is left out, or fails where it must run.
func (s service) client(t testing.TB) *dynamodb.Client {
	t.Helper()
	endpoint := strings.TrimSuffix(os.Getenv(s.variable), "/")
	if endpoint == "" {
		testenv.Unavailable(t, "needs %s: run make test, or %s=$(%s up) go test ./...", s.name, s.variable, s.script)
	}
	client := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := client.ListTables(ctx, &dynamodb.ListTablesInput{}); err != nil {
		t.Fatalf("%s at %s=%s does not answer; start it with %s up: %v", s.name, s.variable, endpoint, s.script, err)
	}
	return client
}

// table makes a table that is deleted when the test ends.
func table(t testing.TB, client *dynamodb.Client) string {
	t.Helper()
	name := "core-" + uuid.NewString()
	if _, err := dynamostore.CreateTable(t.Context(), client, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Errorf("the table is left behind: %v", err)
		}
	})
	return name
}

func harness(client *dynamodb.Client) resulttest.Harness {
	return resulttest.Harness{
		MaxResult: dynamostore.MaxResult,
		New: func(t *testing.T) resulttest.Open {
			t.Helper()
			name := table(t, client)
			return func(t testing.TB, o resulttest.Options) results.Store {
				t.Helper()
				return dynamostore.New(client, name, dynamostore.Options{Retention: o.Retention, Now: o.Now})
			}
		},
	}
}

func TestStoreOnDynamoDBLocal(t *testing.T) {
	t.Parallel()
	resulttest.Run(t, harness(dynamoDBLocal.client(t)))
}

func TestStoreOnMiniStack(t *testing.T) {
	t.Parallel()
	resulttest.Run(t, harness(miniStack.client(t)))
}

func claims(client *dynamodb.Client) func(*testing.T) claimtest.Open {
	return func(t *testing.T) claimtest.Open {
		t.Helper()
		name := table(t, client)
		return func(testing.TB) ticker.Claims { return dynamostore.New(client, name, dynamostore.Options{}) }
	}
}

func TestClaimsOnDynamoDBLocal(t *testing.T) {
	t.Parallel()
	claimtest.Run(t, claims(dynamoDBLocal.client(t)))
}

func TestClaimsOnMiniStack(t *testing.T) {
	t.Parallel()
	claimtest.Run(t, claims(miniStack.client(t)))
}

// Claims are no jobs: they are in no listing, and no time to live deletes them.
func TestClaimsAreNoJobs(t *testing.T) {
	t.Parallel()
	client := dynamoDBLocal.client(t)
	name := table(t, client)
	s := dynamostore.New(client, name, dynamostore.Options{})
	if _, err := s.SwapClaim(t.Context(), "s", 0, ticker.Claim{Reached: time.Now(), Pending: ticker.Pending{{Tick: time.Now(), Owner: "a"}}}); err != nil {
		t.Fatal(err)
	}
	if page, err := s.List(t.Context(), results.Filter{}); err != nil || len(page.Records) != 0 {
		t.Errorf("listed: %+v, %v", page.Records, err)
	}
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &name})
	if err != nil || len(out.Items) != 1 || out.Items[0]["expires_at"] != nil {
		t.Errorf("items %v, %v", out, err)
	}
}
