select order_id, customer_id, total from {{ source('shop', 'orders') }} where total > 0
