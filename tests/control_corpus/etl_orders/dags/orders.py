from datetime import datetime

from airflow.decorators import dag, task


@dag(schedule="@daily", start_date=datetime(2024, 1, 1), catchup=False)
def orders():
    @task
    def extract():
        from etl.source import pages
        return list(pages("orders"))

    @task
    def transform(rows):
        from etl.clean import clean
        return [clean(row) for row in rows]

    @task
    def load(rows):
        from etl.warehouse import insert
        insert("orders", rows)

    load(transform(extract()))


orders()
