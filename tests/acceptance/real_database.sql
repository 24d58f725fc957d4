-- The tables that real workflows query, with a row or two in each.
CREATE TABLE test_users (user_id int, full_name text, email text, city text, company text);
INSERT INTO test_users VALUES (1, 'Leanne Graham', 'leanne@example.com', 'Gwenborough', 'Romaguera-Crona');
CREATE TABLE support_tickets (id serial PRIMARY KEY, ticket_number text, user_id text, category text, urgency text,
    message text, channel_id text, thread_ts text, status text);
CREATE TABLE case_studies (id serial, industry text, title text, success_score int);
INSERT INTO case_studies (industry, title, success_score) VALUES ('farming', 'More apples', 9);
CREATE TABLE api_usage_hourly (customer_id text, endpoint text, request_count int, error_count int, avg_latency int,
    hour timestamptz);
INSERT INTO api_usage_hourly
    SELECT 'c' || n, '/v1', n * 10, n, 20, DATE_TRUNC('hour', NOW() + m * INTERVAL '1 hour')
    FROM generate_series(1, 2) n, generate_series(-2, 2) m;
CREATE TABLE customer_api_limits (customer_id text, monthly_limit int, current_usage int);
INSERT INTO customer_api_limits VALUES ('c1', 1000, 10), ('c2', 1000, 2000);
CREATE TABLE contract_analyses (id serial, contract_name text, clauses text, risks text, analyzed_at timestamptz);
CREATE TABLE source_table (id int, data text, updated_at timestamptz);
INSERT INTO source_table VALUES (1, 'a', NOW()), (2, 'b', NOW());
CREATE TABLE target_table (id serial PRIMARY KEY, data text UNIQUE);
CREATE TABLE data_quality_metrics (table_name text, null_count int, duplicate_count int, outlier_count int,
    freshness_hours int);
INSERT INTO data_quality_metrics VALUES ('orders', 1, 0, 2, 5), ('users', 0, 0, 1, 30);
CREATE TABLE campaign_results (open_rate numeric, sent_at timestamptz);
INSERT INTO campaign_results VALUES (0.25, NOW());
CREATE TABLE etl_pipelines (pipeline_name text, last_run timestamptz, status text, rows_processed int, errors int);
INSERT INTO etl_pipelines VALUES ('orders', NOW(), 'ok', 100, 0);
CREATE TABLE scheduled_tasks (id text, name text, dependencies jsonb, schedule text, next_run timestamptz,
    last_run timestamptz, priority int);
INSERT INTO scheduled_tasks VALUES ('t1', 'clean', '[]', 'daily', NOW(), NULL, 1);
CREATE TABLE ticket_classifications (id serial, ticket_id text, category text, priority text, sentiment text, team text);
CREATE TABLE opportunities (id int, status text, amount int, closed_at timestamptz);
INSERT INTO opportunities VALUES (1, 'won', 100, NOW()), (2, 'lost', 50, NOW());
CREATE TABLE orders (id int, user_id text, status text, total int);
INSERT INTO orders VALUES (1, 'u1', 'active', 10);
CREATE TABLE users (id serial PRIMARY KEY, name text, email text, status text, created_at timestamptz DEFAULT NOW());
INSERT INTO users (name, email, status) VALUES ('Ann', 'ann@example.com', 'active');
