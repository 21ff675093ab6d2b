def model(dbt, session):
    dbt.config(materialized="table", packages=["pandas"])
    orders = dbt.ref("orders").to_pandas()
    scores = orders.groupby("customer_id")["total"].agg(["sum", "count"]).reset_index()
    scores["score"] = scores["sum"].rank(pct=True)
    return scores
